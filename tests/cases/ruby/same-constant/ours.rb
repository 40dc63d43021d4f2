require "a"

class C < D
  X = 2

  def f(a, b)
    g(a)
    g(b)
  end
end
