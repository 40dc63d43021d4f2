class A
{
    public int X { get; set; }

    void F(long a, short b)
    {
        G(a);
        G(b);
    }
}
