const o = {
  a: 2,
  b: 2,
};

function f(x, y) {
  g(x);
  g(y);
}
