open List

type t = {
  a : int;
  b : bool;
}

let f x y = x + y

let g z = z * 2
