"""souviens recall"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from souviens.port.viewing import Document

# One turn; the turn with two on each side; or each conversation once, by its best turn.
UNITS = ("message", "window", "conversation")


@command("recall")
@click.argument("question", nargs=-1, required=True)
@click.option("-k", "number", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@click.option("--unit", default="message", show_default=True, type=click.Choice(UNITS), help="What is shown of a conversation.")
@click.option("--project", metavar="NAME|ID", help="The project or folder it is asked from: what was said there counts more.")
def verb(
    invocation: Invocation,
    question: tuple[str, ...],
    number: int,
    unit: Literal["message", "window", "conversation"],
    project: str | None,
) -> None:
    """Find what was said, with the reasons why it was found."""
    encoder = invocation.encoder(soon=True)
    from souviens.port import indexing
    from souviens.port.viewing import find_topic, plain
    from souviens.recall import ask

    asked = words.plain_argument(" ".join(question))
    with invocation.open() as vault, indexing.open_index(vault) as index:
        now, topic = time.time_ns() // 1_000, find_topic(vault.store, project) if project else None
        answer = ask(asked, number, store=vault.store, index=index, encoder=encoder, unit=unit, now=now, project=topic)
        found = plain(answer)
    invocation.answer(found, _lines(found))
    if found["note"]:
        invocation.tell(found["note"])
    if not found["items"]:
        invocation.tell("nothing was found. next: souviens list")


def _lines(found: Document) -> Iterator[str]:
    for n, item in enumerate(found["items"], 1):
        *above, title = item["path"] or ("(no title)",)
        yield f"{n:>2}  {words.strong(words.shortened(title, 70))}  {words.date(item['time'])}"
        facts = (" > ".join(above), item["role"] or item["kind"], (item["message"] or item["id"])[:12])
        yield "    " + words.faint(words.shortened("  ".join(filter(None, facts)), 100))
        yield from words.quotation(item["text"])
        yield "    " + words.faint(f"score {item['score']:.2f}: {reasons(item['why'])}")
        yield ""
    by = f"words and meaning ({found['encoder']})" if found["encoder"] else "words"
    yield words.faint(f"{words.count(len(found['items']), 'result')} in {found['seconds']:.2f} s, by {by}")


def reasons(shares: dict[str, float]) -> str:
    """Each signal's share, the strongest first."""
    strongest = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {share:.0%}" for name, share in strongest if share) or "no signal"
