load("//a:b.bzl", "c")

lib(
    name = "z",
    srcs = [
        "a.c",
    ],
)
