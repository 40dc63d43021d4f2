const o = {
  a: 1,
  b: 2,
  c: 3,
};

function f(x, y) {
  g(x);
  g(y);
}
