defmodule A do
  alias A.B

  def run(a, b) do
    IO.puts(x)
    IO.puts(b)
  end
end
