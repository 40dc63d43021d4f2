#!/bin/sh
set -eu
OUT=build

build() {
  make -j 2 all
}

build "$OUT"
