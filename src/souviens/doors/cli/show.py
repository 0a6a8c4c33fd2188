"""souviens show"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from souviens.port.viewing import Document
    from souviens.records import Json
    from souviens.vault import Vault


@command("show")
@click.argument("id", metavar="ID")
@click.option("--all", "every", is_flag=True, help="Every branch and hidden message, not only what was on the screen last.")
@click.option("--links", "linked", is_flag=True, help="What it has to do with other things, and why.")
def verb(invocation: Invocation, id: str, every: bool, linked: bool) -> None:
    """Show one conversation, message, memory, topic or source.

    ID may be the beginning of an id, as long as it fits one thing only.
    """
    from souviens.port import indexing, viewing
    from souviens.port.mapping import Map

    with invocation.open() as vault:
        if id.startswith("t-"):
            with indexing.open_index(vault) as index:
                document = Map(vault.store, index).show(id, invocation.encoder())
        else:
            document = viewing.show(vault.store, *viewing.find(vault.store, id))
        if linked:
            document["links"] = _links(invocation, vault, document["id"], document.get("conversation"))
    invocation.answer(document, itertools.chain(_lines(document, every), _linked(document["links"]) if linked else ()))


def _links(invocation: Invocation, vault: Vault, id: str, within: str | None) -> list[Json]:
    from souviens.port import indexing
    from souviens.port.viewing import plain
    from souviens.recall import references

    with indexing.open_index(vault) as index:
        found = references.of(id, store=vault.store, index=index, encoder=invocation.encoder(), within=within)
    return [plain(reference) for reference in found]


def _linked(links: list[Json]) -> Iterator[str]:
    yield ""
    yield words.strong(words.count(len(links), "link") if links else "no links")
    for link in links:
        when = words.date(link["time"])
        yield f"  {link['type'].replace('_', ' ')}  {link['strength']:.2f}  {link['kind']} {link['id'][:12]}  {when}"
        yield f"    {words.shortened(words.clean(link['reason']), 200)}"
        yield words.faint(f"    > {words.shortened(words.clean(link['quote']), 160)}")


def _lines(document: Document, every: bool) -> Iterator[str]:
    if document["type"] == "conversation":
        yield from _conversation(document, every)
    elif document["type"] == "topic":
        yield from _topic(document)
    elif document["type"] == "message":
        yield words.strong(words.shortened(document["title"] or "(no title)", 100)) + f"  {document['conversation']}"
        yield from _message(document)
    else:
        heading = {"memory": "text", "source": "path"}[document["type"]]
        yield words.strong(words.clean(document[heading] or "(no name)"))
        yield from _facts(document, (heading, "type", "times", "origins", "links"))


def _facts(document: Document, left_out: Sequence[str]) -> Iterator[str]:
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


# What the header and the thread of a topic say, and what is no fact.
_TOLD = (
    *("id", "name", "type", "kind", "times", "origins", "conversations", "automatic"),
    *("extract", "thread", "messages", "first", "last"),
)


def _topic(document: Document) -> Iterator[str]:
    """What is known of a topic, what was said of it, and its conversations along time with their episodes."""
    yield words.strong(words.clean(document["name"] or "(no name)"))
    facts = [document["id"], document["kind"], words.count(len(document["thread"]), "conversation")]
    facts.append(words.count(document["messages"], "message"))
    if document["first"]:
        facts.append(f"{words.date(document['first'])} to {words.date(document['last'])}")
    yield words.faint("  ".join(facts))
    yield from (line for line in _facts(document, _TOLD) if line.strip())
    for sentence in document["extract"]:
        yield ""
        yield from words.wrapped(f"“{sentence['text']}”", "  ", 108)
        yield words.faint(f"    {sentence['role']}  {words.date(sentence['time'])}  {sentence['message'][:12]}")
    names = {told["id"]: told["title"] or "(no title)" for told in document["thread"]}
    for told in document["thread"]:
        yield ""
        head = (words.date(told["created"]), told["provider"], words.shortened(told["title"] or "(no title)", 72))
        yield words.strong("  ".join(head)) + words.faint(f"  {told['id'][:12]}")
        if told["continues"]:
            yield words.faint(f"  continues {words.shortened(names.get(told['continues'], told['continues'][:12]), 72)}")
        for episode in told["episodes"]:
            line = words.shortened(episode["text"] or "(nothing to read)", 84)
            yield f"  {line}" + words.faint(f"  {words.count(episode['messages'], 'message')}  {episode['message'][:10]}")


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
