<?php
use A\B;
use A\E;

class C implements D {
    private $x = 1;

    public function f($a, $b) {
        g($a);
        g($b);
    }
}
