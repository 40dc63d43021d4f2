using System;
using System.IO;
using A;
using C;
using Z;
