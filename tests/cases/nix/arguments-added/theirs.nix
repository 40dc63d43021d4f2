{ lib, pkgs, fetch }:
{
  name = "a";
  version = "1";
  inherit lib;
}
