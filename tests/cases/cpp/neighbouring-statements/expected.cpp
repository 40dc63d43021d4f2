class A {
  int f(int x, int y);
  int z;
};

int A::f(int x, int y) {
  h(x);
  k(y);
}
