const e = <a href="x" id="y">t</a>;

function f(p: string, q: string) {
  return p + q;
}
