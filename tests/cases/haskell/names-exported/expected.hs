module M (a, b, c, d) where

import Data.List (sort)

f :: Int -> Int
f x = x + 1

g y = y * 2
