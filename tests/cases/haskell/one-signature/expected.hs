module M (a, b) where

import Data.List (sort)

f :: Integer -> Double
f x = x + 1

g y = y * 2
