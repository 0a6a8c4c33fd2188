"""What extensions and userscripts put around a conversation of the web client: `{"data": {…}}`, an envelope with the page's address
and the turns as they were shown, several lists side by side.

Told by what is inside, not by the wrapper's keys: wherever a `mapping` stands, there is a conversation. The envelope belongs to the
slice, since it may say a message's words again, and stays in the first conversation's `extra`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from souviens.jsonspan import Glue
from souviens.records import Json

Path: TypeAlias = tuple[str | int, ...]
_DEPTH = 4  # of containers around a conversation
# The account, as scripts write it beside the list of conversations: the inside of a string.
_ACCOUNT = re.compile(rb'"(?:user_?)?(?:e-?mail|phone_number|access_?token)"\s*:\s*"((?:[^"\\]|\\.)+)"', re.IGNORECASE)


def places(value: Json) -> list[Path]:
    """Where in a slice its conversations are: [()] if it is one itself."""
    found: list[Path] = []
    around: list[tuple[Path, Json]] = [((), value)]
    for _ in range(_DEPTH + 1):
        inside: list[tuple[Path, Json]] = []
        for path, held in around:
            if isinstance(held, dict) and isinstance(held.get("mapping"), dict):
                found.append(path)
            else:
                inside += [((*path, step), member) for step, member in _members(held) if isinstance(member, (dict, list))]
        around = inside
    return sorted(found, key=_words)


def _members(value: Json) -> Iterator[tuple[str | int, Json]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _words(path: Path) -> list[str]:
    return [f"{step:09}" if isinstance(step, int) else step for step in path]


def at(value: Json, path: Path) -> Json:
    """The value at a path that is there."""
    for step in path:
        value = value[step]
    return value


def envelope(value: Json, paths: list[Path]) -> Json:
    """A copy of a slice's value without its conversations: null stands where each was."""
    if () in paths:
        return None
    copy: Json = value.copy()
    for step in {path[0] for path in paths}:
        copy[step] = envelope(value[step], [path[1:] for path in paths if path[0] == step])
    return copy


def lists(value: Json) -> list[tuple[str, ...]]:
    """The keys that lead to arrays of conversations in a document that is an object, so that it can be cut."""
    found: dict[tuple[str, ...], None] = {}
    for path in places(value):
        keys: list[str] = []
        for step in path:
            if isinstance(step, int):
                found[tuple(keys)] = None
                break
            keys.append(step)
    return list(found)


def written(path: Path) -> str:
    """A path as flaws and problems name it: "data.chats[2]"."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def without_account(glue: Glue) -> Iterator[Glue]:
    """What stands around a list of conversations, with the account's address and keys marked to be withheld."""
    end = 0
    for match in _ACCOUNT.finditer(glue.data):
        start, after = match.span(1)
        yield Glue(glue.data[end:start])
        yield Glue(glue.data[start:after], "the account", "beside the conversations")
        end = after
    if end < len(glue.data) or glue.damage:
        yield replace(glue, data=glue.data[end:])
