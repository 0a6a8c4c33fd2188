"""souviens erase"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import PARTIAL, Invocation, command

if TYPE_CHECKING:
    from souviens.port.receipts import Erased
    from souviens.port.viewing import Document


@command("erase")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def verb(invocation: Invocation, ids: tuple[str, ...], yes: bool) -> int:
    """Erase for good: conversations, messages, memories, topics or sources.

    The bytes go from exports, records, index and logs; this cannot be undone. A later export does not bring them back unless
    you say so (souviens add --bring-back). Copies outside the vault are yours to delete.
    """
    from souviens.port import viewing
    from souviens.port.erasing import erase

    with invocation.open(writes=True) as vault:
        found = list(dict.fromkeys(viewing.find(vault.store, id) for id in ids))
        if not yes:
            for noun, id in found:
                invocation.tell("  " + _told(viewing.show(vault.store, noun, id)))
            invocation.confirm(f"Erase {words.count(len(found), 'thing')} for good?", "nothing was erased")
        erased = erase(vault, [id for _, id in found])
    invocation.answer(viewing.plain(erased), [_said(erased)])
    if erased.pending:
        invocation.tell(
            "Some bytes still lie in the vault's files: another program is reading it, or the disk is full. The next command that "
            "writes finishes it. next: close the program, or free some space, then souviens rebuild"
        )
    return PARTIAL if erased.pending else 0


def _told(document: Document) -> str:
    """What will go, for the one who is asked."""
    kind = document["type"]
    name = {"conversation": "title", "memory": "text", "topic": "name", "source": "path", "message": "role"}[kind]
    parts = [kind, document["id"][:12], words.shortened(document[name] or "(no name)", 60)]
    if kind == "conversation":
        parts.append(f"({words.count(len(document['messages']), 'message')})")
    return "  ".join(parts)


def _said(erased: Erased) -> str:
    counts = (erased.conversations, erased.messages, erased.memories, erased.topics, erased.sources)
    nouns = ("conversation", "message", "memory", "topic", "source")
    what = ", ".join(words.count(n, noun) for n, noun in zip(counts, nouns, strict=True) if n) or "nothing"
    return f"Erased{', not finished yet' if erased.pending else ''}: {what}."
