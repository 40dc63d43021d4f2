defmodule A do
  alias A.B

  def run(a, b) do
    IO.puts(y)
    IO.puts(b)
  end
end
