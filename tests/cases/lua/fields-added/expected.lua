local t = {
  a = 1,
  b = 2,
  c = 3,
  d = 4,
}

local function f(x, y)
  print(x)
  print(y)
end
