local t = {
  a = 5,
  b = 6,
}

local function f(x, y)
  print(x)
  print(y)
end
