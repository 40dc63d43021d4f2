const e = <a href="x" id="y" title="z">t</a>;

function f(p: string, q: string) {
  return p + q;
}
