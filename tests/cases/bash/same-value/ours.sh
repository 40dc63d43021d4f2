#!/bin/sh
set -e
OUT=out

build() {
  make -j 2 all
}

build "$OUT"
