const o = {
  a: 1,
  b: 2,
};

function f(u, v) {
  g(x);
  g(y);
}
