import A

class C: D {
  let x = 1
  let z = 3

  func f(a: Int, b: Int) {
    g(a)
    g(b)
  }
}
