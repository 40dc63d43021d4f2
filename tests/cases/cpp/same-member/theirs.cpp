class A {
  int f(int x, int y);
  short z;
};

int A::f(int x, int y) {
  g(x);
  g(y);
}
