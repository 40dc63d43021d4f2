open List

type t = {
    a : int;
    b : int;
}

let f x y = x + y

let g z = z * 2
