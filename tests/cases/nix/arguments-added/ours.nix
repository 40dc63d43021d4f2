{ lib, pkgs, stdenv }:
{
  name = "a";
  version = "1";
  inherit lib;
}
