class A
{
    public int X { get; set; }

    void F(int a, int b)
    {
        H(a);
        K(b);
    }
}
