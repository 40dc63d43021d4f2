import a
# for b
import b  # noqa
# for c
import c
