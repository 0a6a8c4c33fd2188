"""souviens rebuild"""

from __future__ import annotations

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command


@command("rebuild")
@click.option("--records", is_flag=True, help="First make every record again from the exports.")
def verb(invocation: Invocation, records: bool) -> None:
    """Make the index again, or also the records."""
    from souviens.port.checking import rebuild
    from souviens.port.viewing import plain

    with invocation.open(writes=True) as vault:
        encoder = invocation.encoder()
        with invocation.progress() as progress:
            rebuilt = rebuild(vault, records=records, encoder=encoder, progress=progress)
    lines = [f"The index was made again: {words.count(rebuilt.indexed, 'record')}, {rebuilt.seconds:.1f} s."]
    if records:
        lines.append(f"Records that were made otherwise than before: {rebuilt.records:,}.")
    if rebuilt.waiting:
        lines.append(f"{words.count(rebuilt.waiting, 'text')} wait for the encoder. next: souviens encoder run")
    invocation.answer(plain(rebuilt), lines)
