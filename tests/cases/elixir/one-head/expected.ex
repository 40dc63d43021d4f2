defmodule A do
  alias A.B

  def run(x, y) do
    IO.puts(a)
    IO.puts(b)
  end
end
