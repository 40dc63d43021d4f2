import a.A;
import a.B;
import b.B;
import a.Z;
class X { B b; }
