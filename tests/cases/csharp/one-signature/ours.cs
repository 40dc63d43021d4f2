class A
{
    public int X { get; set; }

    void F(long a, int b)
    {
        G(a);
        G(b);
    }
}
