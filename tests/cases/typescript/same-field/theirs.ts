interface I {
  a: string;
}

class C {
  x = 3;

  f(p: string, q: string) {
    g(p);
    g(q);
  }
}
