resource "a" "b" {
  name   = "x"
  size   = 3
  tags = {
    k = "v"
  }
}
