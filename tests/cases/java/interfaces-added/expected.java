class A implements B, C, D {
    int x = 1;

    void f(int a, int b) {
        g(a);
        g(b);
    }
}
