class A implements B {
    int x = 1;
    int y = 2;

    void f(int a, int b) {
        g(a);
        g(b);
    }
}
