defmodule A do
  alias A.B
  alias A.C

  def run(a, b) do
    IO.puts(a)
    IO.puts(b)
  end
end
