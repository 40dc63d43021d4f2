from a import (
    b,
    c,
    cc,
    d,
)
