const a = { b: 1, c: 3 };
f(a);
