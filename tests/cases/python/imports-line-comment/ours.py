from a import b, c, d  # noqa
