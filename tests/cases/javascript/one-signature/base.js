const o = {
  a: 1,
  b: 2,
};

function f(x, y) {
  g(x);
  g(y);
}
