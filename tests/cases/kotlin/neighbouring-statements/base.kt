package a

import a.B

class C(val x: Int) {
    val y = 1

    fun f(a: Int, b: Int) {
        g(a)
        g(b)
    }
}
