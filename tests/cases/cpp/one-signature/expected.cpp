class A {
  int f(int x, int y);
  int z;
};

int A::f(long x, short y) {
  g(x);
  g(y);
}
