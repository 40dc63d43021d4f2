defmodule A do
  alias A.B

  def run(a, y) do
    IO.puts(a)
    IO.puts(b)
  end
end
