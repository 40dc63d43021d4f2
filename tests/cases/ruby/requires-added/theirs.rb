require "a"
require "c"

class C < D
  X = 1

  def f(a, b)
    g(a)
    g(b)
  end
end
