"""What ChatGPT was told about the person: both boxes of the custom instructions, and the text of its old memory.

Its exports hold no list of memories; these hidden nodes are the only place where they are written down. They are repeated in
every conversation, so that a memory's id comes from its words alone: the same words are one memory with much evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from souviens.canon import ABSENT, Instant, make_id, rfc3339, sha256
from souviens.formats import Place
from souviens.records import Evidence, Json, Memory

# Each box: its key in the content, its key in the metadata (which has the person's words alone), the kind of memory.
_BOXES = (("user_profile", "about_user_message", "profile"), ("user_instructions", "about_model_message", "instruction"))
# In the content the words stand in a fence behind a sentence written by the provider.
_FENCED = re.compile(r"[^`]*```(.*)```\s*", re.DOTALL)
_ENTRY = re.compile(r"^\d+\.[ \t]+(?:\[(?P<day>\d{4}-\d{2}-\d{2})\]\.?[ \t]*)?", re.MULTILINE)


def memories(content: dict[str, Json], metadata: dict[str, Json], evidence: Evidence) -> Iterator[Memory]:
    """The memories stated by one message; `evidence` names that message."""
    for kind, words, created, _ in _stated(content, metadata):
        yield _memory(kind, words, evidence, created)


def places(content: dict[str, Json], metadata: dict[str, Json]) -> Iterator[tuple[str, Place]]:
    """(memory id, place in the message) of every place where a memory's words stand."""
    for kind, words, _, found in _stated(content, metadata):
        yield from ((_id(kind, words), place) for place in found)


def _stated(content: dict[str, Json], metadata: dict[str, Json]) -> Iterator[tuple[str, str, Instant | None, list[Place]]]:
    """(kind, words, when, where in the message) of each statement."""
    plain = metadata.get("user_context_message_data")
    plain = plain if isinstance(plain, dict) else {}
    for box, key, kind in _BOXES:
        words = plain.get(key) or _unfenced(content.get(box))
        if isinstance(words, str) and words.strip():
            found = [Place(("metadata", "user_context_message_data", key))] if plain.get(key) else []
            yield kind, words.strip(), None, [*found, *([Place(("content", box))] if content.get(box) else [])]
    remembered = content.get("model_set_context")
    if isinstance(remembered, str) and remembered.strip():
        lead = len(remembered) - len(remembered.lstrip())
        for words, created, start, end in _entries(remembered.strip()):
            yield "fact", words, created, [Place(("content", "model_set_context"), lead + start, lead + end)]


def _unfenced(words: Json) -> str:
    if not isinstance(words, str):
        return ""
    match = _FENCED.fullmatch(words)
    return match[1] if match else words


def _entries(text: str) -> Iterator[tuple[str, Instant | None, int, int]]:
    """(words, when, start, end) of each entry of a list such as "1. [2024-05-01]. Grows tomatoes."; the whole text where it is
    no such list."""
    starts = list(_ENTRY.finditer(text))
    if not starts or starts[0].start():
        yield text, None, 0, len(text)
        return
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        end = following.start() if following else len(text)
        raw = text[start.end() : end]
        if words := raw.strip():
            at = start.end() + len(raw) - len(raw.lstrip())
            yield words, rfc3339(start["day"]) if start["day"] else None, at, at + len(words)


def _memory(kind: str, words: str, evidence: Evidence, created: Instant | None = None) -> Memory:
    return Memory(
        id=_id(kind, words),
        kind=kind,
        text=words,
        authority="imported",
        provider="chatgpt",
        evidence=(Evidence(evidence.conversation, evidence.message, quote_hash=sha256(words.encode())),),
        created=created or ABSENT,
    )


def _id(kind: str, words: str) -> str:
    return make_id("y", "chatgpt", kind, words)
