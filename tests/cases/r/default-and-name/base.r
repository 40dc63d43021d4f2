library(dplyr)

f <- function(a, b = 2) {
  g(a)
  g(b)
}

x <- list(a = 1, b = 2)
