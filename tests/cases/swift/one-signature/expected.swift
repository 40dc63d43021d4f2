import A

class C: D {
  let x = 1

  func f(a: Int8, b: Int16) {
    g(a)
    g(b)
  }
}
