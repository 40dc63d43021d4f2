class A implements B {
    int x = 1;

    void f(int a, int b) {
        g(a);
        k(b);
    }
}
