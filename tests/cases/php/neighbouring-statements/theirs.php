<?php
use A\B;

class C implements D {
    private $x = 1;

    public function f($a, $b) {
        g($a);
        k($b);
    }
}
