library(dplyr)

f <- function(a, b = 3) {
  g(a)
  g(b)
}

x <- list(a = 1, b = 2)
