"""souviens move"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, begun_formats, begun_targets, command
from souviens.errors import NotFound, UsageError

if TYPE_CHECKING:
    from souviens.port.receipts import Moved
    from souviens.vault import Vault


@command("move")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--to",
    "target",
    default="",
    metavar="TARGET",
    shell_complete=begun_targets,
    help="The form to write; without it, the targets are named.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write.")
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    shell_complete=begun_formats,
    help='What came from this provider, such as "chatgpt".',
)
@click.option("--topic", "--project", "topics", multiple=True, metavar="ID|NAME", help="This project or folder, and those in it.")
@click.option("--since", default="", metavar="DATE", help="Conversations begun on this day or later.")
@click.option("--until", default="", metavar="DATE", help="Conversations begun before this day.")
@click.option("--query", default="", metavar="WORDS", help="What recall finds for this.")
@click.option("-k", "number", default=20, show_default=True, type=click.IntRange(1, 1000), help="With --query: how many at most.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be carried and lost.")
def verb(
    invocation: Invocation,
    ids: tuple[str, ...],
    target: str,
    output: Path | None,
    providers: tuple[str, ...],
    topics: tuple[str, ...],
    since: str,
    until: str,
    query: str,
    number: int,
    dry_run: bool,
) -> None:
    """Write conversations and memories in another provider's form.

    Everything, or the IDs given, or what the conditions choose. What has no place in the target is listed, item by item.
    """
    from souviens.port import viewing
    from souviens.port.giving import choose, move

    _check(target, output, dry_run)
    with invocation.open() as vault:
        whole = tuple(viewing.find(vault.store, id, ("conversation", "memory"))[1] for id in ids)
        below = frozenset(viewing.find_topic(vault.store, words.plain_argument(topic)) for topic in topics)
        found = _found(invocation, vault, words.plain_argument(query), number) if query else None
        chosen = choose(vault, ids=whole, providers=providers, topics=below, since=since, until=until, among=found)
    if not chosen.conversations and not chosen.memories:
        why = "no conversation and no memory fits what you asked for"
        raise NotFound("there is nothing to move", why, "see what there is: souviens list")
    moved = move(chosen, target, None if dry_run else output)
    invocation.answer(viewing.plain(moved), _lines(moved, dry_run))


def _found(invocation: Invocation, vault: Vault, query: str, number: int) -> frozenset[str]:
    """Ids of the conversations and memories that a question finds."""
    from souviens.port import indexing
    from souviens.recall import ask

    encoder = invocation.encoder()
    with indexing.open_index(vault) as index:
        answer = ask(
            query, number, store=vault.store, index=index, encoder=encoder, unit="conversation", now=time.time_ns() // 1_000
        )
        if behind := indexing.lag(index):
            invocation.tell(behind)
    return frozenset(item.conversation or item.id for item in answer.items)


def _check(target: str, output: Path | None, dry_run: bool) -> None:
    from souviens import formats

    targets = list(formats.writers())
    if target not in targets:
        what = f"no target named {target!r}" if target else "no target was given"
        raise UsageError(what, f"there are: {', '.join(targets)}", "souviens targets")
    if output is None and not dry_run:
        raise UsageError("no folder was given to write to", "", f"souviens move --to {target} -o FOLDER, or --dry-run")


def _lines(moved: Moved, dry_run: bool) -> Iterator[str]:
    yield f"{'Would carry' if dry_run else 'Carried'} to {moved.target}:"
    carried = [(f"{n:,}", kind.replace("_", " ")) for kind, n in moved.carried.items() if n]
    yield from words.table(carried or [("", "nothing")], 2, right=(0,))
    if moved.lost:
        yield "No place there for:"
        lost = [(f"{loss.count:,}", loss.kind.replace("_", " "), loss.reason) for loss in moved.lost]
        yield from words.table(lost, 2, right=(0,))
    else:
        yield "Nothing was lost."
    yield from (f"  {words.clean(path)}" for path in moved.written)
