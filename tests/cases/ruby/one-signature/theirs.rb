require "a"

class C < D
  X = 1

  def f(a, y)
    g(a)
    g(b)
  end
end
