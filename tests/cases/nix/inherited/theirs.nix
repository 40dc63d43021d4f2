{ lib, pkgs }:
{
  name = "a";
  version = "1";
  inherit lib b;
}
