import 'dart:io';

class A implements B {
  int x = 1;

  void run(num a, int b) {
    print(a);
    print(b);
  }
}
