resource "a" "b" {
  name = "x"
  size = 1
  tags = {
    k = "v"
  }
}
