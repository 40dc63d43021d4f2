local t = {
  a = 3,
  b = 2,
}

local function f(x, y)
  print(x)
  print(y)
end
