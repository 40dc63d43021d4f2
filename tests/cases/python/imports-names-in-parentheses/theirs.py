from a import (
    b,
    cc,
    d,
)
