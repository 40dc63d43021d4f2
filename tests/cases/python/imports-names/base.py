from a import b, d
