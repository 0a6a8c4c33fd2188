"""Where the words of a message or a memory stand again in its conversation: what an erasure must blank besides the message.

A reply that quotes (`targeted_reply`), the code a tool was given (`aggregate_result.code`), links that were found safe
(`safe_urls`), a task's prompt, the turns a capture shows beside the conversation: all are copies in the metadata of other messages,
in the conversation's own fields or around it. Other messages' contents are theirs, and so is the title.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TypeAlias

from souviens.formats import Place
from souviens.formats.chatgpt.capture import Path, at, envelope, places
from souviens.formats.chatgpt.context import places as contexts
from souviens.formats.chatgpt.read import locations
from souviens.jsonspan import Slice
from souviens.records import Json

_OWN = ("mapping", "title")
# A copy is a whole message, or a passage of it this long: shorter ones may be a model's or a tool's name. A link is enough.
_MESSAGE, _PASSAGE = 8, 24
_LINK = ("http://", "https://")
_Messages: TypeAlias = list[tuple[Path, dict[str, Json]]]


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """The places of these memories, and copies of these messages' words; those messages themselves are in `locations`."""
    found: list[Place] = []
    erased: list[dict[str, Json]] = []
    others: _Messages = []
    for id, path in locations(slice).items():
        message = at(slice.value, path)
        if not isinstance(message, dict):
            continue
        if id in ids:
            erased.append(message)
            continue
        others.append((path, message))
        content, metadata = message.get("content"), message.get("metadata")
        if isinstance(content, dict):
            stated = contexts(content, metadata if isinstance(metadata, dict) else {})
            found += [place._replace(path=path + place.path) for memory, place in stated if memory in ids]
    if erased:
        found += _copies(slice.value, erased, others)
    return found


def _copies(value: dict[str, Json], erased: list[dict[str, Json]], others: _Messages) -> Iterator[Place]:
    words = {text.strip() for message in erased for _, text in _strings(message.get("content"))} - {""}
    longest = sorted(words, key=len, reverse=True)
    sources = {message.get("id") for message in erased} - {None}
    paths = places(value)
    beside = [((*path, key), held) for path in paths for key, held in at(value, path).items() if key not in _OWN]
    for path, message in others:
        metadata = message.get("metadata")
        if not isinstance(metadata, dict):
            continue
        beside.append(((*path, "metadata"), metadata))
        if metadata.get("targeted_reply") and metadata.get("targeted_reply_source_message_id") in sources:
            yield Place((*path, "metadata", "targeted_reply"))
    for path, held in beside:
        yield from (Place(path + inside) for inside, text in _strings(held) if _is_copy(text.strip(), longest))
    # An envelope shows whole turns: there a short one is a copy as well.
    for inside, text in _strings(envelope(value, paths)):
        if text.strip() in words or _is_copy(text.strip(), longest):
            yield Place(inside)


def _is_copy(text: str, words: list[str]) -> bool:
    if len(text) < _MESSAGE:
        return False
    passage = len(text) >= _PASSAGE or text.startswith(_LINK)
    return any((passage and text in said) or (len(said) >= _MESSAGE and said in text) for said in words)


def _strings(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, held in value.items():
            yield from _strings(held, (*path, key))
    elif isinstance(value, list):
        for place, held in enumerate(value):
            yield from _strings(held, (*path, place))
