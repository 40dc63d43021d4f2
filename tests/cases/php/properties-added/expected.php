<?php
use A\B;

class C implements D {
    private $x = 1;
    private $y = 2;
    private $z = 3;

    public function f($a, $b) {
        g($a);
        g($b);
    }
}
