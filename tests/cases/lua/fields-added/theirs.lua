local t = {
  a = 1,
  b = 2,
  d = 4,
}

local function f(x, y)
  print(x)
  print(y)
end
