local t = {
  a = 1,
  b = 2,
}

local function f(u, y)
  print(x)
  print(y)
end
