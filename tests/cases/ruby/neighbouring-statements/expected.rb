require "a"

class C < D
  X = 1

  def f(a, b)
    h(a)
    k(b)
  end
end
