import A

class C: D {
  let x = 1

  func f(a: Int, b: Int16) {
    g(a)
    g(b)
  }
}
