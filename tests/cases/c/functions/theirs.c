int a(void) { return 1; }

int c(void) { return 3; }
