const e = <a href="x" id="y">t</a>;

function f(p: number, q: boolean) {
  return p + q;
}
