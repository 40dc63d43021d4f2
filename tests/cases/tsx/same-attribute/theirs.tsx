const e = <a href="v" id="y">t</a>;

function f(p: string, q: string) {
  return p + q;
}
