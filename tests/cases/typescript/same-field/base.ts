interface I {
  a: string;
}

class C {
  x = 1;

  f(p: string, q: string) {
    g(p);
    g(q);
  }
}
