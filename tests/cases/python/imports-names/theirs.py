from a import b, d, e
