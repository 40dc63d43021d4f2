package a

import a.B
import a.D

class C(val x: Int) {
    val y = 1

    fun f(a: Int, b: Int) {
        g(a)
        g(b)
    }
}
