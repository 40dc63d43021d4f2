library(dplyr)

f <- function(a, b = 2) {
  h(a)
  k(b)
}

x <- list(a = 1, b = 2)
