#include <a.h>

struct s {
  int a;
  int b;
};

int f(long x, int y) {
  g(x);
  g(y);
  return 0;
}
