const e = <a href="u" id="v">t</a>;

function f(p: string, q: string) {
  return p + q;
}
