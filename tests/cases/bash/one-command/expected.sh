#!/bin/sh
set -e
OUT=build

build() {
  make -j 4 world
}

build "$OUT"
