defmodule A do
  alias A.B

  def run(a, b) do
      IO.puts(a)
      IO.inspect(b)
  end
end
