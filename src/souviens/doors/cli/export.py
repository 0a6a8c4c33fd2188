"""souviens export"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command
from souviens.errors import UsageError

if TYPE_CHECKING:
    from souviens.port.receipts import Returned


@command("export")
@click.argument("id", metavar="[SOURCE]", default="")
@click.option("--original", is_flag=True, help="Give the source SOURCE back as it came, byte for byte.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="PATH", help="The file, or a folder to write it in."
)
def verb(invocation: Invocation, id: str, original: bool, output: Path) -> None:
    """Write the whole vault as JSON lines, or a source as it came.

    Either is not encrypted. Nothing is overwritten.
    """
    from souviens.port import viewing
    from souviens.port.giving import give_back
    from souviens.port.lines import export_lines

    if bool(id) != original:
        why = "SOURCE and --original go together"
        raise UsageError("an original is of one source", why, "souviens export SOURCE --original -o PATH")
    with invocation.open() as vault:
        if id:
            returned = give_back(vault, viewing.find(vault.store, id, ("source",))[1], output)
            invocation.answer(viewing.plain(returned), _original(returned))
        else:
            counts = export_lines(vault, output)
            path = output / "souviens.jsonl" if output.is_dir() else output
            told = [(f"{n:,}", kind) for kind, n in counts.items()]
            invocation.answer({"path": str(path), "lines": counts}, [str(path), *words.table(told, 2, right=(0,))])
    invocation.tell("What was written is not encrypted: keep it where you would keep the vault's passphrase.")


def _original(returned: Returned) -> Iterator[str]:
    yield returned.path
    if returned.identical:
        container = " and so is its container" if returned.container_identical else ""
        yield f"  Identical to what came, byte for byte ({words.count(len(returned.members), 'file')}){container}."
    else:
        same = sum(member.identical for member in returned.members)
        yield f"  {same} of {words.count(len(returned.members), 'file')} identical to what came, byte for byte."
        yield "  Not given back as they came:"
        yield from (f"    {words.clean(m.name)}: differs" for m in returned.members if not m.identical)
        yield from ("    " + words.clean(words.place(w.path, w.where, w.reason)) for w in returned.withheld)
    yield f"  SHA-256 {returned.sha256}"
