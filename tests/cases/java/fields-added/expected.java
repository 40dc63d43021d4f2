class A implements B {
    int x = 1;
    int y = 2;
    int z = 3;

    void f(int a, int b) {
        g(a);
        g(b);
    }
}
