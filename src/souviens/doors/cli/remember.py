"""souviens remember"""

from __future__ import annotations

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command
from souviens.records import MEMORY_KINDS


@command("remember")
@click.argument("text", nargs=-1, required=True)
@click.option("--kind", default="fact", show_default=True, type=click.Choice(MEMORY_KINDS), help="What kind of statement it is.")
@click.option("--topic", default="", metavar="ID|NAME", help="The project or topic it belongs to.")
@click.option("--about", multiple=True, metavar="ID", help="A message or conversation it is about; several are linked by it.")
def verb(invocation: Invocation, text: tuple[str, ...], kind: str, topic: str, about: tuple[str, ...]) -> None:
    """Keep a statement in your own words."""
    from souviens.port import viewing
    from souviens.port.remembering import remember

    with invocation.open(writes=True) as vault:
        within = viewing.find_topic(vault.store, words.plain_argument(topic)) if topic else None
        memory = remember(vault, words.plain_argument(" ".join(text)), kind=kind, topic=within, about=about)
        invocation.encode(vault)
        document = viewing.show(vault.store, "memory", memory.id)
    invocation.answer(document, [f"Kept as {memory.id[:12]} ({kind}). Take it back with: souviens undo"])
