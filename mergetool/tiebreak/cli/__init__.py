"""The command line. One module per command; no merging logic here."""

from __future__ import annotations


def main() -> int:
    """Run the command line with the arguments of this process; gives the exit code."""
    from tiebreak.cli.dispatch import run

    return run()
