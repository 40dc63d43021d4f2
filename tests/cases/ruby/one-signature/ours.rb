require "a"

class C < D
  X = 1

  def f(x, b)
    g(a)
    g(b)
  end
end
