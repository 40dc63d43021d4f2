import 'dart:io';

class A implements B {
  int x = 2;

  void run(int a, int b) {
    print(a);
    print(b);
  }
}
