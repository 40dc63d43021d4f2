local t = {
  a = 1,
  b = 2,
}

local function f(x, y)
  print(x + 1)
  print(y + 1)
end
