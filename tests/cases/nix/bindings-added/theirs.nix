{ lib, pkgs }:
{
  name = "a";
  version = "1";
  y = 2;
  inherit lib;
}
