import 'dart:io';

class A implements B {
  int x = 1;
  int y = 2;
  int z = 3;

  void run(int a, int b) {
    print(a);
    print(b);
  }
}
