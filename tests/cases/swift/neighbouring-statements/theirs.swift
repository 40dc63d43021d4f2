import A

class C: D {
  let x = 1

  func f(a: Int, b: Int) {
    g(a)
    k(b)
  }
}
