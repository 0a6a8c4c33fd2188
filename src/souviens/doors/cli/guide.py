"""souviens guide"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, begun_formats, command

if TYPE_CHECKING:
    from souviens.port.ways import Document


@command("guide")
@click.argument("provider", metavar="PROVIDER", default="", shell_complete=begun_formats)
def verb(invocation: Invocation, provider: str) -> None:
    """Say how to get one's export from a provider, and how to bring ours in there."""
    from souviens.port.ways import guide

    found = guide(words.plain_argument(provider))
    invocation.answer(found, _lines(found))


def _lines(found: Document) -> Iterator[str]:
    yield words.strong(found["title"])
    yield from _steps("Get your export", found["get"], f"souviens add FILE   (FILE: what came from {found['name']})")
    if found["bring"]:
        yield from _steps("Bring yours in", found["bring"], "")
    else:
        yield "It takes nothing in that souviens could write."
    yield from (f"Note: {note}" for note in found["notes"])


def _steps(title: str, steps: list[str], last: str) -> Iterator[str]:
    if steps:
        yield f"{title}:"
        yield from (f"  {n}. {step}" for n, step in enumerate([*steps, *([last] if last else [])], 1))
