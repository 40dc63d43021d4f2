load("//a:b.bzl", "c")

lib(
    name = "x",
    copts = [],
    srcs = [
        "a.c",
    ],
)
