#!/bin/sh
set -e
OUT=build

build() {
  make -j 2 all
}

install() {
  make install
}

build "$OUT"
