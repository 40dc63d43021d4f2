#!/bin/sh
set -e
OUT=build

compile() {
  make -j 2 all
}

build "$OUT"
