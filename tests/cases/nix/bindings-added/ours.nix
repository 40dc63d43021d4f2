{ lib, pkgs }:
{
  name = "a";
  version = "1";
  x = 1;
  inherit lib;
}
