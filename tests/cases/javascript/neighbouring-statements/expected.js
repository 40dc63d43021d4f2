const o = {
  a: 1,
  b: 2,
};

function f(x, y) {
  h(x);
  k(y);
}
