resource "a" "b" {
  name = "x"
  size = 1
  zone = "z"
  kind = "k"
  tags = {
    k = "v"
  }
}
