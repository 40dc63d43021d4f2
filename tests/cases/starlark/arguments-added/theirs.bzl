load("//a:b.bzl", "c")

lib(
    name = "x",
    linkopts = [],
    srcs = [
        "a.c",
    ],
)
