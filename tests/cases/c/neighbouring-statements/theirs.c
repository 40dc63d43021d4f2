#include <a.h>

struct s {
  int a;
  int b;
};

int f(int x, int y) {
  g(x);
  k(y);
  return 0;
}
