import a.A;
import a.Z;
class X { B b; }
