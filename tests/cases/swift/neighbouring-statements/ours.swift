import A

class C: D {
  let x = 1

  func f(a: Int, b: Int) {
    h(a)
    g(b)
  }
}
