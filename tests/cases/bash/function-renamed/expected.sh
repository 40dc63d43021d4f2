#!/bin/sh
set -e
OUT=build

compile() {
  make -j 8 all
}

build "$OUT"
