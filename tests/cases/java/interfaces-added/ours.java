class A implements B, C {
    int x = 1;

    void f(int a, int b) {
        g(a);
        g(b);
    }
}
