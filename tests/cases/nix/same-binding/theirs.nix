{ lib, pkgs }:
{
  name = "a";
  version = "3";
  inherit lib;
}
