"""souviens show"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from souviens.port.viewing import Document
    from souviens.records import Json


@command("show")
@click.argument("id", metavar="ID")
@click.option("--all", "every", is_flag=True, help="Every branch and hidden message, not only what was on the screen last.")
def verb(invocation: Invocation, id: str, every: bool) -> None:
    """Show one conversation, message, memory, topic or source.

    ID may be the beginning of an id, as long as it fits one thing only.
    """
    from souviens.port import viewing

    with invocation.open() as vault:
        document = viewing.show(vault.store, *viewing.find(vault.store, id))
    invocation.answer(document, _lines(document, every))


def _lines(document: Document, every: bool) -> Iterator[str]:
    if document["type"] == "conversation":
        yield from _conversation(document, every)
    elif document["type"] == "message":
        yield words.strong(words.shortened(document["title"] or "(no title)", 100)) + f"  {document['conversation']}"
        yield from _message(document)
    else:
        heading = {"memory": "text", "topic": "name", "source": "path"}[document["type"]]
        yield words.strong(words.clean(document[heading] or "(no name)"))
        left_out = (heading, "type", "times", "origins")
        told = {key: value for key, value in document.items() if key not in left_out and value not in (None, [], {}, "")}
        nested = {key for key, value in told.items() if isinstance(value, list) and isinstance(value[0], dict)}
        yield from words.table([(key.replace("_", " "), _value(told[key])) for key in told if key not in nested], 2)
        for key in (key for key in told if key in nested):
            yield f"  {key.replace('_', ' ')}"
            yield from words.table([[words.shortened(_value(cell), 60) for cell in row.values()] for row in told[key]], 4)


def _value(value: Json) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    elif isinstance(value, dict) and "utc" in value:
        value = value["utc"] or f"no time ({value['unknown']})"
    elif isinstance(value, dict):
        value = ", ".join(f"{key} {item}" for key, item in value.items())
    return "" if value is None else words.shortened(str(value), 120)


def _conversation(document: Document, every: bool) -> Iterator[str]:
    messages = document["messages"]
    shown = messages if every else [m for m in messages if m["id"] in set(document["path"]) and m["visibility"] == "visible"]
    yield words.strong(words.clean(document["title"] or "(no title)"))
    facts = [document["provider"], words.date(document["created"]), words.count(len(messages), "message")]
    if document["branch_points"]:
        facts.append(words.count(document["branch_points"], "branch point"))
    if document["files"]:
        facts.append(f"{words.count(len(document['files']), 'attachment')} ({document['attachments']['missing']:,} missing)")
    yield words.faint("  ".join((document["id"], *facts)))
    for message in shown:
        yield ""
        yield from _message(message)
    if len(shown) < len(messages):
        yield ""
        left = words.count(len(messages) - len(shown), "more message")
        yield words.faint(f"{left} in other branches or hidden: souviens show {document['id'][:12]} --all")


def _message(message: Document) -> Iterator[str]:
    time = message["time"]["utc"] or f"no time ({message['time']['unknown']})"
    facts = [message["author"] or message["role"], time, *filter(None, (message["model"],)), message["id"][:12]]
    if message["visibility"] != "visible":
        facts.append(message["visibility"])
    yield words.strong(words.clean(facts[0])) + words.faint("  " + words.clean("  ".join(facts[1:])))
    for part in message["parts"]:
        yield from (f"  {line}" for line in words.clean(_part(part)).split("\n"))


def _part(part: Json) -> str:
    kind = part["type"]
    if kind == "text":
        return str(part["text"])
    if kind == "reasoning":
        return f"[thought] {part['text'] or part['summary']}"
    if kind == "tool_call":
        return f"[calls {part['name']}] {'' if part['arguments'] is None else part['arguments']}"
    if kind == "tool_result":
        return f"[{part['name'] or 'tool'} answered] {part['text']}"
    if kind == "file":
        return f"[{part['media']}] {part['name'] or part['pointer']}"
    if kind in ("uri", "citation"):
        return f"[{kind}] {part['title']} {part['uri']} {part['text']}"
    return f"[{part['kind']}]"
