import a
# for b
import b  # noqa
