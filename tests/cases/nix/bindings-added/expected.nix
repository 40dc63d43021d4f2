{ lib, pkgs }:
{
  name = "a";
  version = "1";
  x = 1;
  y = 2;
  inherit lib;
}
