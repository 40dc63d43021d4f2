local t = {
  a = 1,
  b = 2,
}

local function f(u, v)
  print(x)
  print(y)
end
