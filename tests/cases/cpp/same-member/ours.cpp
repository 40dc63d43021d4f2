class A {
  int f(int x, int y);
  long z;
};

int A::f(int x, int y) {
  g(x);
  g(y);
}
