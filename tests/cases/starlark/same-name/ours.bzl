load("//a:b.bzl", "c")

lib(
    name = "y",
    srcs = [
        "a.c",
    ],
)
