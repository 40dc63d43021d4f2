const e = <a href="u" id="y">t</a>;

function f(p: string, q: string) {
  return p + q;
}
