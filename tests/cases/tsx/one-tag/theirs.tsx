const e = <a href="x" id="v">t</a>;

function f(p: string, q: string) {
  return p + q;
}
