{ lib, pkgs }:
{
  name = "b";
  version = "1";
  inherit lib;
}
