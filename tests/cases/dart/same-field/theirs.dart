import 'dart:io';

class A implements B {
  int x = 3;

  void run(int a, int b) {
    print(a);
    print(b);
  }
}
