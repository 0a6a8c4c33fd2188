"""What of a delivery is not read though somebody would look for it: files that are not there, that are another provider's, or that
look like conversations: a provider's next generation, mostly.

Such a file is kept as it is, as attachments and pages are, but nobody would look for it: the receipt has to name it. It is told by
its structure, and by words that every API and export has used so far; what shows none of them is taken for something else.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Set

from souviens.delivery import Delivery, Entry, Peek
from souviens.records import Json, Problem, Treatment

REASON = "it looks like conversations, but no reader knows this shape: kept as it is, not read"
ABSENT = "the export lists it, and it is not here: if it came as a part of its own, add that too"
DAMAGED = "by its name it holds data, and none can be read from it, be it damaged or in UTF-16: kept as it is, not read"
_JSON, _DATABASES = (".json", ".jsonl", ".ndjson"), (".db", ".sqlite", ".sqlite3")
_SPEAKERS = frozenset({"user", "assistant", "human", "model", "ai", "bot", "chatbot"})
_ROLES = frozenset({"role", "sender", "author", "speaker", "from", "sender_type", "author_role", "participant"})
_WORDS = frozenset({
    "content", "contents", "text", "message", "body", "parts", "value", "mes", "msg", "markdown", "blocks", "fragments",
    "utterance",
})  # fmt: skip
_LISTS = frozenset({"messages", "chat_messages", "turns", "utterances", "dialogue", "transcript"})
_ASKED = frozenset({"query", "question", "prompt", "input", "instruction", "user", "human"})
_ANSWERED = frozenset({"answer", "response", "completion", "output", "reply", "assistant", "ai", "bot"})


def unread(delivery: Delivery, plan: Mapping[str, Treatment], foreign: Mapping[str, str], used: Set[str]) -> Iterator[Problem]:
    """A problem for each file that the plan names and the delivery lacks, that another format would read, that looks like
    conversations, or that is called data and is none. What a conversation uses is its attachment, whatever it is.

    foreign: see `formats.Claim`. used: names of files that are attachments of something.
    """
    here = {entry.name for entry in delivery.entries}
    yield from (Problem("source", name, "", ABSENT) for name in plan if name not in here)
    for entry in delivery.entries:
        if entry.name in plan or entry.name in used:
            continue
        if whose := foreign.get(entry.name):
            yield Problem("source", entry.name, "", f"another format ({whose}): kept as it is, not read; add it by itself")
        elif _looks_like_conversations(delivery.peek(entry)):
            yield Problem("source", entry.name, "", REASON)
        elif _is_damaged(entry, delivery.peek(entry)):
            yield Problem("source", entry.name, "", DAMAGED)


def _is_damaged(entry: Entry, seen: Peek) -> bool:
    """Whether a file is called JSON or a database and is neither: nobody else would say that what it told is missing."""
    name = entry.name.lower()
    if name.endswith(_JSON):
        return seen.look in ("text", "binary", "unreadable") and seen.head.strip() != b""
    return name.endswith(_DATABASES) and seen.look == "unreadable"


def _looks_like_conversations(seen: Peek) -> bool:
    if seen.look in ("array", "object", "lines"):
        return _speaks(seen.sample)
    if seen.look == "sqlite":
        return any(_is_table(columns) for columns in seen.tables.values())
    if seen.look == "text":
        line = seen.head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0][:4096].decode("utf-8", "replace").strip()
        return any(mark in line and _is_table(next(csv.reader([line], delimiter=mark), [])) for mark in ",;\t")
    return False


def _is_table(columns: Iterable[str]) -> bool:
    names = {name.strip().lower() for name in columns}
    return bool(names & _ROLES and names & _WORDS) or bool(names & _ASKED and names & _ANSWERED)


def _speaks(value: Json) -> bool:
    """Whether anywhere in a document there is a list of messages, or something that somebody says."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if _is_said(value) or any(_are_objects(value.get(key)) for key in _LISTS):
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


def _is_said(value: dict[str, Json]) -> bool:
    if any(value.get(key) for key in _WORDS) and any(_is_speaker(held) for held in value.values()):
        return True
    asked, answered = ([value[key] for key in keys & value.keys()] for keys in (_ASKED, _ANSWERED))
    return any(isinstance(held, str) and held for held in asked) and any(isinstance(held, str) and held for held in answered)


def _is_speaker(value: Json) -> bool:
    """A speaker's word, or an object that says no more than who it is: {"role": "user", "name": null}."""
    if isinstance(value, dict):
        return any(key in _ROLES and isinstance(held, str) and held.lower() in _SPEAKERS for key, held in value.items())
    return isinstance(value, str) and value.lower() in _SPEAKERS


def _are_objects(value: Json) -> bool:
    items = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return bool(items) and all(isinstance(item, dict) for item in items)
