"""souviens formats"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from souviens.port.ways import Document


@command("formats")
def verb(invocation: Invocation) -> None:
    """List the formats that can be read, and how sure we are of each."""
    from souviens.port.ways import readable

    found = readable()
    invocation.answer({"formats": found}, _lines(found))


def _lines(found: list[Document]) -> Iterator[str]:
    yield from words.table([(row["name"], row["support"], row["title"]) for row in found])
    yield ""
    yield words.faint(
        "real: measured on real exports. samples: on published samples, or the client's own code. documented: neither."
    )
