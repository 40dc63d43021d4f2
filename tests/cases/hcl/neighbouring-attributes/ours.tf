resource "a" "b" {
  name = "y"
  size = 1
  tags = {
    k = "v"
  }
}
