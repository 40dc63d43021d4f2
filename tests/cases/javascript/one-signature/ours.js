const o = {
  a: 1,
  b: 2,
};

function f(u, y) {
  g(x);
  g(y);
}
