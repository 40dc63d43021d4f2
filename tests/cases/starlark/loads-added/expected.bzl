load("//a:b.bzl", "c")
load("//a:d.bzl", "e")
load("//a:f.bzl", "g")

lib(
    name = "x",
    srcs = [
        "a.c",
    ],
)
