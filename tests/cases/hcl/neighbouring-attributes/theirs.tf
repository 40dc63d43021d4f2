resource "a" "b" {
  name = "x"
  size = 2
  tags = {
    k = "v"
  }
}
