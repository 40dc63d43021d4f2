#!/bin/sh
set -e
OUT=build

build() {
  make -j 4 all
}

build "$OUT"
