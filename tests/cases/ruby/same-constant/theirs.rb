require "a"

class C < D
  X = 3

  def f(a, b)
    g(a)
    g(b)
  end
end
