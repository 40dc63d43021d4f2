#!/bin/sh
set -e
OUT=dist

build() {
  make -j 2 all
}

build "$OUT"
