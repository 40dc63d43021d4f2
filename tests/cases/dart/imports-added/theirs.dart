import 'dart:io';
import 'dart:async';

class A implements B {
  int x = 1;

  void run(int a, int b) {
    print(a);
    print(b);
  }
}
