{ lib, pkgs }:
{
  name = "b";
  version = "2";
  inherit lib;
}
