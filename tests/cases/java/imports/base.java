package x;

import a.B;
import a.F;

class X {}
