const o = {
  a: 1,
  b: 2,
};

function f(x, v) {
  g(x);
  g(y);
}
