<?php
use A\B;

class C implements D {
    private $x = 3;

    public function f($a, $b) {
        g($a);
        g($b);
    }
}
