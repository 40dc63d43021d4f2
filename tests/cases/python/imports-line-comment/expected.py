from a import b, c, d, e  # noqa
