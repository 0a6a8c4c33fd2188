"""souviens targets"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from souviens.port.ways import Document


@command("targets")
def verb(invocation: Invocation) -> None:
    """List what `move --to` can write, with what each can and cannot carry."""
    from souviens.port.ways import targets

    found = targets()
    invocation.answer({"targets": found}, _lines(found))


def _lines(found: list[Document]) -> Iterator[str]:
    for target in found:
        yield f"{words.strong(target['name'])}  {target['title']}"
        for title, things in (("carries", target["carries"]), ("cannot", target["cannot"]), ("then", [target["how"]])):
            yield from words.wrapped("; ".join(things), f"  {title:<8}")
        yield ""
