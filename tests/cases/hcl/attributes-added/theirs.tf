resource "a" "b" {
  name = "x"
  size = 1
  kind = "k"
  tags = {
    k = "v"
  }
}
