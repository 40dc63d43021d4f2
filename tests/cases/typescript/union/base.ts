type U = 'a' | 'c';
