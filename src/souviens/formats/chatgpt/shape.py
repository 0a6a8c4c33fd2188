"""Which delivery is ChatGPT's, which of its files hold conversations, and what is done with the others.

Told from what is inside, never from a name: `conversations.json` is what four providers call their file. Names are asked
only once the delivery is known to be ours, about a file that is too damaged to say what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from souviens.delivery import Delivery, Entry
from souviens.errors import SourceError
from souviens.formats.chatgpt.capture import at, lists, places, without_account
from souviens.jsonspan import Glue, Slice, cut_elements, first_value, sample
from souviens.records import Json, Treatment

NAME = "chatgpt"
WRAPPER = ("conversations",)
# A file may begin with odd conversations; one that is still not recognised after this many is not ours.
_SEVERAL = 32
# A conversation's own fields stand before its nodes, within this many bytes; a capture may put all its words before it.
_HEADER, _ENVELOPE = 1 << 20, 16 << 20
_LARGEST = 256 << 20
_ASSET = re.compile(r"(?:.*/)?file[-_]\w+(?:\.\w+)?")
# They quote conversations that are read where they stand.
_ASIDE = ("message_feedback.json", "model_comparisons.json", "shared_conversations.json")
_NAMED = re.compile(r"conversations(?:[-_]\d+)?\.json", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file of conversations: where its array is (`keys`), whether it is no array but one object alone, whether conversations lie
    in an envelope, and the first that was fine."""

    keys: tuple[str, ...]
    alone: bool
    captured: bool
    conversation: dict[str, Json]


def opening(entry: Entry) -> bytes:
    """The first byte of the file that is neither a byte order mark nor white space; b"" if it cannot be read."""
    return _head(entry, 512).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def _head(entry: Entry, size: int = 1 << 16) -> bytes:
    """The first bytes; b"" of a member that cannot be read, which intake refuses when it comes to it."""
    try:
        return entry.head(size)
    except SourceError:
        return b""


def look(entry: Entry) -> Seen | None:
    """What a file of ChatGPT conversations is like; None for any other file. Reads its first elements only."""
    first = opening(entry)
    if first == b"[":
        return _seen(entry, ())
    head = _head(entry, _ENVELOPE) if first == b"{" else b""
    if b'"mapping"' not in head:
        return None
    return next((seen for keys in _arrays(head[:_HEADER]) if (seen := _seen(entry, keys))), None)


def _arrays(head: bytes) -> list[tuple[str, ...]]:
    """Under which keys of an object its conversations may be an array of its own; () for the object itself, which is one or holds
    them here and there."""
    value = sample(head)
    found = lists(value)
    if len(found) == 1 and all(len(path) > len(found[0]) for path in places(value)):
        return [found[0], ()]
    return [WRAPPER, ()] if not found and b'"conversations"' in head else [()]


def _seen(entry: Entry, keys: tuple[str, ...]) -> Seen | None:
    try:
        with entry.open() as stream:
            pieces = cut_elements(stream, path=entry.name, kind="conversation", keys=keys, limit=_LARGEST)
            for piece in islice((piece for piece in pieces if isinstance(piece, Slice)), _SEVERAL):
                for path in places(piece.value):
                    if _is_conversation(conversation := at(piece.value, path)):
                        return Seen(keys, not piece.where, path != (), conversation)
    except SourceError:
        return None
    return None


def row(entry: Entry) -> dict[str, Json]:
    """The object a JSON file is, or the first object of its array; {} for any other file."""
    if entry.size > _LARGEST or opening(entry) not in (b"{", b"["):
        return {}
    try:
        with entry.open() as stream:
            value = first_value(stream)
    except SourceError:
        return {}
    return value if isinstance(value, dict) else {}


def _is_conversation(value: Json) -> bool:
    """ChatGPT's: nodes whose message has an author with a role and a content with a type or parts.

    DeepSeek's export has the same `mapping`; its messages hold `fragments`, and its conversations `inserted_at`.
    """
    if not isinstance(value, dict) or "inserted_at" in value:
        return False
    nodes = value.get("mapping")
    return isinstance(nodes, dict) and any(_is_node(node) for node in nodes.values())


def _is_node(node: Json) -> bool:
    message = node.get("message") if isinstance(node, dict) else None
    if not isinstance(message, dict) or "fragments" in message:
        return False
    author, content = message.get("author"), message.get("content")
    speaks = isinstance(author, dict) and isinstance(author.get("role"), str)
    return speaks and isinstance(content, dict) and ("content_type" in content or "parts" in content)


def identify(delivery: Delivery) -> str | None:
    """The shape of a ChatGPT delivery, or None.

    captured: saved by an extension or script, in an envelope. single: one conversation, as the web client receives it. slim: nodes
    without children. manifest: `export_manifest.json` lists the files. sharded: several files of conversations. v1: one. empty: an
    export that holds no conversation at all.
    """
    seen = [sight for entry in delivery.entries if (sight := look(entry))]
    if not seen:
        return "empty" if any(_is_empty(entry) for entry in delivery.entries) and _evident(delivery) else None
    if any(sight.captured for sight in seen):
        return "captured"
    if all(sight.alone for sight in seen):
        return "single"
    if all(_is_slim(sight.conversation) for sight in seen):
        return "slim"
    if any(_listed(entry) for entry in delivery.entries):
        return "manifest"
    return "sharded" if len(seen) > 1 else "v1"


def _is_empty(entry: Entry) -> bool:
    return entry.size < 64 and opening(entry) == b"[" and b"".join(_head(entry).split()).endswith(b"[]")


def _is_slim(conversation: dict[str, Json]) -> bool:
    nodes = [node for node in conversation["mapping"].values() if isinstance(node, dict)]
    return any(node.get("parent") for node in nodes) and not any(node.get("children") for node in nodes)


def _evident(delivery: Delivery) -> bool:
    """Whether side files show that this is ChatGPT's, though no conversation does."""
    return any(
        "logical_files" in first or "chatgpt_plus_user" in first or names_assets(first) for first in map(row, delivery.entries)
    )


def names_assets(value: dict[str, Json]) -> bool:
    """Whether an object is `conversation_asset_file_names.json`: member names to the files' own names."""
    return bool(value) and all(isinstance(name, str) and _ASSET.fullmatch(member) for member, name in value.items())


def _listed(entry: Entry) -> list[str]:
    """The files of conversations that a manifest lists; none for any other file."""
    logical = row(entry).get("logical_files")
    listed: list[str] = []
    for name, found in logical.items() if isinstance(logical, dict) else ():
        files = found.get("files") if isinstance(found, dict) else None
        if _NAMED.fullmatch(name) and isinstance(files, list):
            listed.extend(file for file in files if isinstance(file, str))
    return listed


def _is_account(entry: Entry) -> bool:
    """Whether this is the account (`user.json`), and not a file of the user's own that happens to list addresses."""
    first = row(entry) if opening(entry) == b"{" else {}
    ours = "chatgpt_plus_user" in first or str(first.get("id")).startswith("user-")
    return ours and ("email" in first or "phone_number" in first)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """What to do with each file: "cut" for conversations, "withhold" for the account, "repeat" for the page that shows every
    conversation again, "keep" for what quotes some of it. All others are kept, and are not named here. A file that the manifest
    lists is named here, also if it is not in the delivery."""
    listed = {name for entry in delivery.entries for name in _listed(entry)}
    here = {entry.name.rpartition("/")[2] for entry in delivery.entries}
    treatments: dict[str, Treatment] = dict.fromkeys((name for name in sorted(listed) if name not in here), "cut")
    for entry in delivery.entries:
        if treatment := _treatment(entry, listed):
            treatments[entry.name] = treatment
    return treatments


def _treatment(entry: Entry, listed: set[str]) -> Treatment | None:
    first, name = opening(entry), entry.name.rpartition("/")[2]
    if first == b"<":
        return "repeat" if name.lower() == "chat.html" or b"jsonData" in _head(entry) else None
    if first in (b"[", b"{") and look(entry):
        return "cut"
    if first == b"[" and (name in listed or _NAMED.fullmatch(name)):
        return "cut"
    if name.lower() == "user.json" or _is_account(entry):
        return "withhold"
    return "keep" if name in _ASIDE else None


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """One slice a conversation (of a capture: an envelope); all else is glue."""
    seen = look(entry) if opening(entry) == b"{" else None
    keys = seen.keys if seen else ()
    with entry.open() as stream:
        for piece in cut_elements(stream, path=entry.name, kind="conversation", keys=keys):
            if not keys or isinstance(piece, Slice):
                yield piece
            elif b'"mapping"' in piece.data:
                # A second list, so far behind the first that the look at the file's beginning did not show it.
                yield Slice("conversation", entry.name, "", piece.data, damage="conversations beside the list that is read")
            else:
                yield from without_account(piece)
