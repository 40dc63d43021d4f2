interface I {
  a: string;
}

class C {
  x = 2;

  f(p: string, q: string) {
    g(p);
    g(q);
  }
}
