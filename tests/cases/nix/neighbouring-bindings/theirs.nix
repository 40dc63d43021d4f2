{ lib, pkgs }:
{
  name = "a";
  version = "2";
  inherit lib;
}
