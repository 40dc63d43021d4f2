#!/bin/sh
set -e
OUT=build

build() {
  make -j 2 all
}

build "$OUT"
