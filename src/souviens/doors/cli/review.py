"""souviens review"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command
from souviens.errors import UsageError

if TYPE_CHECKING:
    from souviens.port.viewing import Document


@command("review")
@click.argument("id", metavar="[ID]", default="")
@click.option("--confirm", is_flag=True, help="It holds.")
@click.option("--correct", metavar="TEXT", help="It holds in these words.")
@click.option("--reject", is_flag=True, help="It does not hold, and is recalled no more.")
def verb(invocation: Invocation, id: str, confirm: bool, correct: str | None, reject: bool) -> None:
    """Confirm, correct or reject a memory; without an id, list the proposed ones."""
    from souviens.port import viewing
    from souviens.port.remembering import review

    given: list[Literal["confirm", "correct", "reject"]] = []
    if confirm:
        given.append("confirm")
    if correct is not None:
        given.append("correct")
    if reject:
        given.append("reject")
    if len(given) != bool(id):
        why = "give an id with one of --confirm, --correct TEXT and --reject, or nothing"
        raise UsageError("one memory, one verdict", why, "souviens review --help")
    if not id:
        with invocation.open() as vault:
            rows = viewing.listing(vault.store, sections=("memories",))["memories"]
        proposed = [row for row in rows if row["status"] == "proposed"]
        invocation.answer({"memories": proposed}, _lines(proposed))
        return
    with invocation.open(writes=True) as vault:
        _, whole = viewing.find(vault.store, id, ("memory",))
        memory = review(vault, whole, given[0], words.plain_argument(correct or ""))
        invocation.encode(vault)
        document = viewing.show(vault.store, "memory", memory.id)
    invocation.answer(document, [f"{memory.id[:12]} is {memory.status}. Take it back with: souviens undo"])


def _lines(proposed: list[Document]) -> Iterator[str]:
    yield words.strong(words.count(len(proposed), "memory") + " proposed")
    for row in proposed:
        yield f"  {row['id'][:12]}  {row['kind']}, {row['authority']}"
        yield from words.quotation(row["text"])
    if proposed:
        yield f"next: souviens review {proposed[0]['id'][:12]} --confirm"
