package a

import a.B

class C(val x: Int) {
    val y = 1

    fun f(a: Long, b: Int) {
        g(a)
        g(b)
    }
}
