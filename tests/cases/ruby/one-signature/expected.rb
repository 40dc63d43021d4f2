require "a"

class C < D
  X = 1

  def f(x, y)
    g(a)
    g(b)
  end
end
