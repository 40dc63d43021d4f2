const e = <a href="x" id="y" lang="w">t</a>;

function f(p: string, q: string) {
  return p + q;
}
