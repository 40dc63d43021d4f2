"""``tiebreak doctor``: what keeps the merge driver from working, and the fix."""

from __future__ import annotations

import click


@click.command("doctor")
def command() -> int:
    """Check the registration: git, launcher, interpreter, attributes, settings.

    Exits with 1 when something needs mending. Git itself says nothing of a driver that it cannot
    find or that no attribute selects; it merges by lines.
    """
    from tiebreak.cli.patterns import default_patterns
    from tiebreak.errors import CONFLICTS, OK
    from tiebreak.git.doctor import examine
    from tiebreak.git.install import CHECKPOINTS
    from tiebreak.text.language import language_for

    samples = [pattern.replace("*", "sample") for pattern in default_patterns()]
    findings = examine(
        samples, lambda path: path.endswith(CHECKPOINTS) or language_for(path) is not None
    )
    for finding in findings:
        click.echo(f"{'problem' if finding.fix else 'ok'}: {finding.what}")
        if finding.fix:
            click.echo(f"    fix: {finding.fix}")
    return CONFLICTS if any(finding.fix for finding in findings) else OK
