#!/bin/sh
set -eu
OUT=out

build() {
  make -j 2 all
}

build "$OUT"
