using System;
using System.IO;
using System.Linq;
using A;
using B;
using C;
using Z;
