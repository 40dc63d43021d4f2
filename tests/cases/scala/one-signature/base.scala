package a

import a.b.C

class D(x: Int) {
  val y = 1

  def f(a: Int, b: Int): Int = {
    g(a)
    g(b)
  }
}
