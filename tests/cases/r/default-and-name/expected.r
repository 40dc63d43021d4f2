library(dplyr)

f <- function(z, b = 3) {
  g(a)
  g(b)
}

x <- list(a = 1, b = 2)
