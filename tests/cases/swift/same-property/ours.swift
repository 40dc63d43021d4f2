import A

class C: D {
  let x = 2

  func f(a: Int, b: Int) {
    g(a)
    g(b)
  }
}
