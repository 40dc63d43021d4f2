#include <a.h>

struct s {
  int a;
  int b;
};

int f(long x, short y) {
  g(x);
  g(y);
  return 0;
}
