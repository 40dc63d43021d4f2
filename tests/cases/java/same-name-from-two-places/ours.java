import a.A;
import a.B;
import a.Z;
class X { B b; }
