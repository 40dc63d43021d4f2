resource "a" "b" {
  name = "y"
  size = 2
  tags = {
    k = "v"
  }
}
