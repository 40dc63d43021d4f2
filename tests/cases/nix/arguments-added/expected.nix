{ lib, pkgs, stdenv, fetch }:
{
  name = "a";
  version = "1";
  inherit lib;
}
