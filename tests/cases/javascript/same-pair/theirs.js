const o = {
  a: 3,
  b: 2,
};

function f(x, y) {
  g(x);
  g(y);
}
