"""Which files are source code, and which configuration and documents."""

from __future__ import annotations

import os.path
from typing import Final

ENDINGS: Final = frozenset(
    """
    .asm .bash .c .cc .cjs .clj .cmake .cpp .cs .cshtml .css .cu .cxx .d .dart .el .erb .erl .ex
    .exs .fs .fsi .fsx .glsl .go .gradle .groovy .h .hbs .hh .hlsl .hpp .hs .hxx .inl .java .jl
    .js .jsx .kt .kts .less .lua .m .mjs .ml .mli .mm .nim .php .pl .pm .proto .ps1 .psm1 .pxd
    .py .pyi .pyx .r .rb .rs .s .sass .scala .scss .sh .sql .svelte .swift .ts .tsx .vb .vim
    .vue .xaml .zig .zsh
    """.split()  # noqa: SIM905  (a list of eighty strings would be eighty lines)
)


def is_source(path: str) -> bool:
    """Whether a file holds code, by its name's ending."""
    return os.path.splitext(path)[1].lower() in ENDINGS
