#!/bin/sh
set -e
OUT=build

build() {
  make -j 8 all
}

build "$OUT"
