load("//a:b.bzl", "c")
load("//a:d.bzl", "e")

lib(
    name = "x",
    srcs = [
        "a.c",
    ],
)
