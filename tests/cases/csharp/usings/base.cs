using System;
using A;
using Z;
