#!/bin/sh
set -e
OUT=build

build() {
  make -j 2 all
}

clean() {
  rm -rf "$OUT"
}

build "$OUT"
