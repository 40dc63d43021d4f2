#!/bin/sh
set -e
OUT=build

build() {
  make -j 2 world
}

build "$OUT"
