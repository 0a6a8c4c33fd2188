"""souviens list"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, begun_formats, command

if TYPE_CHECKING:
    from souviens.port.viewing import Document

_TITLE = 72


@command("list")
@click.option("--conversations", "sections", flag_value="conversations", multiple=True, help="Conversations alone.")
@click.option("--memories", "sections", flag_value="memories", multiple=True, help="Memories alone.")
@click.option("--topics", "sections", flag_value="topics", multiple=True, help="Topics alone: projects and other themes.")
@click.option("--sources", "sections", flag_value="sources", multiple=True, help="Sources alone: the exports taken in.")
@click.option(
    "--provider", default="", metavar="NAME", shell_complete=begun_formats, help='Of this provider alone, such as "chatgpt".'
)
@click.option("--project", default="", metavar="ID|NAME", help="Of this project alone.")
def verb(invocation: Invocation, sections: tuple[str, ...], provider: str, project: str) -> None:
    """List conversations, memories, topics and sources."""
    from souviens.port import viewing

    with invocation.open() as vault:
        topic = viewing.find_topic(vault.store, words.plain_argument(project)) if project else ""
        listed = viewing.listing(vault.store, sections=sections or viewing.SECTIONS, provider=provider, project=topic)
        names = {t["id"]: t["name"] or "(no name)" for t in viewing.listing(vault.store, sections=("topics",))["topics"]}
    invocation.answer(listed, _lines(listed, names))
    if not any(listed.values()):
        invocation.tell("There is nothing to list. next: souviens add EXPORT")


def _lines(listed: dict[str, list[Document]], names: dict[str, str]) -> Iterator[str]:
    for section, rows in listed.items():
        yield words.strong(words.count(len(rows), {"memories": "memory"}.get(section, section[:-1])))
        if section == "conversations":
            yield from _tree(rows, names)
        elif rows and section == "memories":
            yield from words.table([(r["id"][:10], r["kind"], r["status"], words.shortened(r["text"], _TITLE)) for r in rows], 2)
        elif rows and section == "topics":
            told = [(r["id"][:10], r["kind"], r["name"] or "(no name)", _holds(r)) for r in rows]
            yield from words.table(told, 2)
        elif rows:
            kept = [(r["id"][:10], words.date(r["received"]), r["format"], words.size(r["bytes"]), r["path"]) for r in rows]
            yield from words.table(kept, 2, right=(3,))
        yield ""


def _holds(topic: Document) -> str:
    counts = (("conversation", topic["conversations"]), ("memory", topic["memories"]), ("document", topic["documents"]))
    return ", ".join(words.count(n, noun) for noun, n in counts if n) or "empty"


def _tree(rows: list[Document], names: dict[str, str]) -> Iterator[str]:
    """Provider, then project, then conversations."""
    groups: dict[str, dict[str, list[Document]]] = {}
    for row in rows:
        project = names.get(row["project"], "") if row["project"] else ""
        groups.setdefault(row["provider"], {}).setdefault(project, []).append(row)
    for provider, projects in sorted(groups.items()):
        yield f"  {words.strong(provider)}  {words.faint(words.count(sum(map(len, projects.values())), 'conversation'))}"
        for project, within in sorted(projects.items()):
            if project:
                yield f"    {words.clean(project)}"
            told = [(r["id"][:10], words.date(r["created"]), f"{r['messages']:,}", _titled(r)) for r in within]
            yield from words.table(told, 6 if project else 4, right=(2,))


def _titled(row: Document) -> str:
    return words.shortened(row["title"] or "(no title)", _TITLE)
