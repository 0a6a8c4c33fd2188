"""souviens context"""

from __future__ import annotations

import time

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command


@command("context")
@click.argument("question", nargs=-1, required=True)
@click.option("--budget", default=2000, show_default=True, type=click.IntRange(50, 200_000), help="Tokens at most.")
@click.option("--project", metavar="NAME|ID", help="The project or folder it is asked from: what was said there counts more.")
def verb(invocation: Invocation, question: tuple[str, ...], budget: int, project: str | None) -> None:
    """Put together a context for a model, within a budget of tokens.

    First what you have stated or confirmed, then what was said, quoted as evidence with its source and date.
    """
    encoder = invocation.encoder(soon=True)
    from souviens.port import indexing
    from souviens.port.viewing import find_topic, plain
    from souviens.recall.context import assemble

    asked = words.plain_argument(" ".join(question))
    with invocation.open() as vault, indexing.open_index(vault) as index:
        now, topic = time.time_ns() // 1_000, find_topic(vault.store, project) if project else None
        made = assemble(asked, budget, store=vault.store, index=index, encoder=encoder, now=now, project=topic)
        context = plain(made)
    invocation.answer(context, [words.clean(context["text"])])
    if context["note"]:
        invocation.tell(context["note"])
    holds = ((context["standing"], "standing statement"), (context["evidence"], "quotation"))
    told = ", ".join(words.count(len(things), noun) for things, noun in holds)
    invocation.tell(f"{words.count(context['tokens'], 'token')}: {told}")
