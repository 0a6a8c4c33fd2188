"""souviens import"""

from __future__ import annotations

from pathlib import Path

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import PATH, Invocation, command


@command("import")
@click.argument("path", metavar="FILE", type=PATH)
def verb(invocation: Invocation, path: Path) -> None:
    """Merge a plain export of another vault into this one.

    FILE is what `souviens export -o FILE` wrote. All of it comes in, or nothing. A provider's export is for `souviens add`.
    """
    from souviens.port.lines import import_lines
    from souviens.port.viewing import plain

    with invocation.open(writes=True) as vault, invocation.progress() as progress:
        done = import_lines(vault, path, progress)
    new = f"{words.count(done.sources, 'new source')}, {words.count(done.records, 'new record')}, {done.changed:,} changed"
    lines = [f"{words.count(done.lines, 'line')} read: {new}."]
    if done.erased:
        lines.append(f"Erased in one of the two vaults, and now in this one: {done.erased:,}.")
    invocation.answer(plain(done), lines)
