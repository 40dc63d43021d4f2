load("//a:b.bzl", "c")

lib(
    name = "x",
    copts = [],
    linkopts = [],
    srcs = [
        "a.c",
    ],
)
