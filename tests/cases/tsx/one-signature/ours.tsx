const e = <a href="x" id="y">t</a>;

function f(p: number, q: string) {
  return p + q;
}
