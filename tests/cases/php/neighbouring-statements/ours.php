<?php
use A\B;

class C implements D {
    private $x = 1;

    public function f($a, $b) {
        h($a);
        g($b);
    }
}
