"""Which files are source code, and which configuration and documents."""

from __future__ import annotations

import os.path
from typing import Final

ENDINGS: Final = frozenset(
    """
    .py .pyi .pyx .pxd .java .kt .kts .scala .groovy .clj .js .jsx .mjs .cjs .ts .tsx .vue .svelte
    .cs .fs .fsx .fsi .vb .go .rs .c .h .cc .cpp .cxx .hpp .hh .hxx .inl .m .mm .swift .rb .php .pl
    .pm .lua .r .jl .dart .ex .exs .erl .hs .ml .mli .sh .bash .zsh .ps1 .psm1 .sql .css .scss .sass
    .less .hbs .erb .cshtml .xaml .gradle .cmake .asm .s .zig .nim .d .cu .glsl .hlsl .proto .vim .el
    """.split()
)


def is_source(path: str) -> bool:
    """Whether a file holds code, by its name's ending."""
    return os.path.splitext(path)[1].lower() in ENDINGS
