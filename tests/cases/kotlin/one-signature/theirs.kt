package a

import a.B

class C(val x: Int) {
    val y = 1

    fun f(a: Int, b: Short) {
        g(a)
        g(b)
    }
}
