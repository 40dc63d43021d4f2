class A
{
    public int X { get; set; }

    void F(int a, int b)
    {
        G(a);
        G(b);
    }
}
