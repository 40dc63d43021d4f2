import A

class C: D {
  let x = 1
  let y = 2

  func f(a: Int, b: Int) {
    g(a)
    g(b)
  }
}
