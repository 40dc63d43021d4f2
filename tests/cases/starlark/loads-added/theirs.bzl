load("//a:b.bzl", "c")
load("//a:f.bzl", "g")

lib(
    name = "x",
    srcs = [
        "a.c",
    ],
)
