defmodule A do
  alias A.B

  def run(x, b) do
    IO.puts(a)
    IO.puts(b)
  end
end
