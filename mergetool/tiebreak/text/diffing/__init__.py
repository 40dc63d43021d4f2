"""The diff algorithms, one file each, on sequences of small integers.

Each algorithm says which elements are changed: two `bytearray` of flags, one longer than their
sequence, so that the element before the first and the one after the last both read as unchanged.
`compaction` then slides the groups of changes; `tiebreak.text.diff` is the door to all of this.
"""
