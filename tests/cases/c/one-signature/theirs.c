#include <a.h>

struct s {
  int a;
  int b;
};

int f(int x, short y) {
  g(x);
  g(y);
  return 0;
}
