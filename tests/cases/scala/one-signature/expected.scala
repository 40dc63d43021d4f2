package a

import a.b.C

class D(x: Int) {
  val y = 1

  def f(a: Long, b: Short): Int = {
    g(a)
    g(b)
  }
}
