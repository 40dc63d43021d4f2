class A implements B {
    int x = 1;

    void f(int a, int b) {
        h(a);
        g(b);
    }
}
