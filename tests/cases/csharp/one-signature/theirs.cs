class A
{
    public int X { get; set; }

    void F(int a, short b)
    {
        G(a);
        G(b);
    }
}
