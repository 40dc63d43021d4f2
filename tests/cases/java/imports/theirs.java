package x;

import a.B;
import a.E;
import a.F;

class X {}
