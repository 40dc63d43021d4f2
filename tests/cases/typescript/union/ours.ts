type U = 'a' | 'b' | 'c';
