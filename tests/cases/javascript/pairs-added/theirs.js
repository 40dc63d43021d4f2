const o = {
  a: 1,
  b: 2,
  d: 4,
};

function f(x, y) {
  g(x);
  g(y);
}
