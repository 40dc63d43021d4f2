class A {
  a() {}

  c() {}
}
