local t = {
  a = 1,
  b = 2,
}

local function f(x, y)
  print(x)
  print(y)
end
