from a import b, d  # noqa
