import a.A;
import b.B;
import a.Z;
class X { B b; }
