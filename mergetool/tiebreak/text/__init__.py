"""Merging text: from bytes to lines, hunks, candidates, and back to bytes."""
