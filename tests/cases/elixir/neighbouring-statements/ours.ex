defmodule A do
  alias A.B

  def run(a, b) do
    IO.puts(a + 1)
    IO.puts(b)
  end
end
