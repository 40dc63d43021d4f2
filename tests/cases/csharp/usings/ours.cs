using System;
using System.Linq;
using A;
using B;
using Z;
