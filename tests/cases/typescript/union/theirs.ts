type U = 'a' | 'c' | 'd';
