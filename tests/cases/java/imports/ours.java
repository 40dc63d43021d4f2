package x;

import a.B;
import a.C;
import a.F;

class X {}
