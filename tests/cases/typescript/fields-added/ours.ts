interface I {
  a: string;
}

class C {
  x = 1;
  y = 2;

  f(p: string, q: string) {
    g(p);
    g(q);
  }
}
