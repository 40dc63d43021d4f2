resource "a" "b" {
  name = "x"
  size = 1
  zone = "z"
  tags = {
    k = "v"
  }
}
