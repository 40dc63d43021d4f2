load("//a:b.bzl", "c")

lib(
    name = "x",
    srcs = [
        "a.c",
    ],
)
