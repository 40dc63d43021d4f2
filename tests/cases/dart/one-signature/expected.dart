import 'dart:io';

class A implements B {
  int x = 1;

  void run(num a, double b) {
    print(a);
    print(b);
  }
}
