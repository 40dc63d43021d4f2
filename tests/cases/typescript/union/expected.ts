type U = 'a' | 'b' | 'c' | 'd';
