package x;

import a.B;
import a.C;
import a.E;
import a.F;

class X {}
