"""souviens map"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from souviens.port.viewing import Document

_WIDTH = 110
_LINES, _ASCII = ("├─ ", "└─ ", "│  ", "   "), ("|- ", "`- ", "|  ", "   ")


@command("map")
@click.option(
    "--depth", type=click.IntRange(1, 9), default=None, metavar="N", help="Levels to draw; without it all but conversations."
)
@click.option("--topic", default="", metavar="ID", help="Only what is below this area, project or topic.")
def verb(invocation: Invocation, depth: int | None, topic: str) -> None:
    """Draw what the vault is about: areas, projects and topics.

    Projects and folders are those of the providers; below them stand topics that grew from what conversations are about, across
    providers. `souviens show ID` reads a topic along time.
    """
    from souviens.port import indexing
    from souviens.port.mapping import Map

    with invocation.open() as vault, indexing.open_index(vault) as index:
        document = Map(vault.store, index).tree(depth, topic or None)
        behind = indexing.lag(index)
    invocation.answer(document, _lines(document))
    if behind:
        invocation.tell(behind)
    if not document["parts"] and not document["conversations"]:
        invocation.tell("There is nothing to draw. next: souviens add EXPORT")


def _lines(document: Document) -> Iterator[str]:
    facts = [words.count(document["conversations"], "conversation"), words.count(document["messages"], "message")]
    if document["topics"]:
        facts.append(words.count(document["topics"], "topic"))
    if document["single"]:
        facts.append(f"{document['single']:,} on their own")
    yield words.strong(", ".join(facts)) + words.faint(_span(document, "  "))
    signs = _LINES if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else _ASCII
    yield from _branches(document["parts"], "", signs)


def _branches(parts: list[Document], before: str, signs: tuple[str, str, str, str]) -> Iterator[str]:
    # Of notes and tools a vault may hold hundreds that no conversation belongs to.
    empty = [part for part in parts if not part["conversations"]]
    parts = [part for part in parts if part["conversations"]]
    columns = min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH)
    for n, part in enumerate(parts):
        last = n == len(parts) - 1 and not empty
        lead = before + signs[1 if last else 0]
        told = f"{_size(part)}{_span(part, '  ')}  {part['id'][:10]}"
        called = part["name"] or (f"({part['telling']})" if part["telling"] else "(no name)")
        name = words.shortened(called, max(columns - words.width(lead) - words.width(told) - 2, 16))
        shown = words.strong(name) if part["kind"] in ("area", "project") else name
        yield f"{lead}{shown}  {words.faint(told)}"
        yield from _branches(part["parts"], before + signs[3 if last else 2], signs)
    if empty:
        names = words.shortened(", ".join(part["name"] or "(no name)" for part in empty), 60)
        yield f"{before}{signs[1]}" + words.faint(f"without conversations: {len(empty):,} ({names})")


def _size(part: Document) -> str:
    if part["kind"] == "conversation":
        return f"{', '.join(part['providers'])}, {words.count(part['messages'], 'message')}"
    kind = "" if part["kind"] == "topic" and part["automatic"] else f"{part['kind']}, "
    messages = f", {words.count(part['messages'], 'message')}" if part["messages"] else ""
    return f"{kind}{words.count(part['conversations'], 'conversation')}{messages}"


def _span(part: Document, before: str) -> str:
    if not part["first"]:
        return ""
    first, last = words.date(part["first"]), words.date(part["last"])
    return before + (first if first == last else f"{first} to {last}")
