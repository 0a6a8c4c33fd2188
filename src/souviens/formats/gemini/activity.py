"""One row of My Activity: what somebody did with Gemini at a moment, and what Gemini answered.

A row names its conversation by a link, or not at all; then it is a conversation of its own. Rows of one conversation are slices of
the same one: each reading has the same conversation id, and the vault makes them one. Nothing in a row says which row came before
it; `Chain` reads that out of the order of the file, which is newest first, and the conversation's `extra` says so under "graph".

A prompt and its answer are messages of their own, so each can be erased by itself. Their ids are therefore not made of their words
but of what an erasure leaves: the time of the row and the room its title takes.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote

from msgspec.structs import replace

from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node
from souviens.formats._fields import Fields, note
from souviens.formats.gemini.markup import plain_text
from souviens.formats.gemini.moments import moment
from souviens.jsonspan import Slice
from souviens.records import Conversation, Head, Json, Message, Opaque, Part, Reading, Text

_PRODUCTS = re.compile(r"gemini|\bbard\b", re.IGNORECASE)
_HOST = re.compile(r"https?://(?:gemini|bard)\.google\.com/(?:u/\d+/)?(?:app/(?:c/)?([\w-]+))?")
# What stands before the words of a prompt, in the languages that other readers of Takeout have met.
_SAID = re.compile(
    r"(?:Prompted|Branched|Answered|Asked|Said|Submitted query|Query submitted|Eingegebener Prompt|Gav instruktionen|Pokyn"
    r"|Has dicho|Hiciste la petición|Preguntado|Fez uma pergunta|Perguntou|Υποβλήθηκε το ερώτημα"
    r"|送信したメッセージ|プロンプト|已提示)"
    r"(?: with| Gemini| Bard)?(?:[:：]\s*|\s+|$)"
)
_DONE = re.compile(r"(?:Created|Used|Added|Gave|Selected|Cleared|Shared|Deleted|Viewed|Pinned|Renamed|Exported|Updated)\b")
PROMPT, ANSWER, UNDIVIDED = "title", "safeHtmlItem", "undivided"
# What a row says of the account and of its conversation. All else belongs to the prompt, is kept with it, and goes with it.
_OF_ROW = frozenset({"header", "products", "activityControls", "details", "titleUrl", "time", "caption"})
_FILES = {"attachedFiles": "file", "attachmentInfo": "file", "imageFile": "image", "audioFiles": "audio"}
_KNOWN = frozenset(
    {"subtitles", "text", "description", "locationInfos", "aside", "titleHtml", PROMPT, ANSWER, UNDIVIDED, *_OF_ROW, *_FILES}
)


class Room(NamedTuple):
    """How many bytes the title and the answer of a row take up in its slice; an erasure leaves them as they are."""

    prompt: int
    answer: int


def is_gemini(row: Json) -> bool:
    """Whether Google says that this row is Gemini's. What the row is about does not count: people search for "gemini"."""
    if not isinstance(row, dict):
        return False
    listed, header = row.get("products"), row.get("header")
    products = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if any(map(_PRODUCTS.search, products)):
        return True
    # An app on a phone may be called Gemini; its rows are those of the product Android, and hold no answers.
    if isinstance(header, str) and _PRODUCTS.search(header) and (not products or ANSWER in row):
        return True
    if products or isinstance(header, str):
        return False
    said = row.get(PROMPT)
    return any(map(_HOST.match, _links(row))) or (isinstance(said, str) and _SAID.match(said) is not None)


def _links(row: dict[str, Json]) -> list[str]:
    details = row.get("details")
    links = [detail.get("url") for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    return [link for link in (*links, row.get("titleUrl")) if isinstance(link, str)]


def _named(row: Json) -> list[str]:
    """The ids of the conversations that a row links to, each once."""
    matches = map(_HOST.match, _links(row)) if isinstance(row, dict) else ()
    return list(dict.fromkeys(match[1] for match in matches if match and match[1] and match[1] != "c"))


# --- reading ----------------------------------------------------------------------------------------------------------


def dialogue(slice: Slice, room: Room) -> Dialogue:
    """How the row of this slice, which is decoded, is to be read."""
    row = slice.value if isinstance(slice.value, dict) else {}
    time = row.get("time")
    key = [time if isinstance(time, str) else "", str(room.prompt)]
    named = _named(row)
    identity = Identity(named[0] if len(named) == 1 else None, ("row", *key, str(room.answer)))
    return Dialogue(
        "gemini",
        lambda _: identity,
        partial(_nodes, key),
        partial(_head, row),
        partial(_message, row, posixpath.dirname(slice.path)),
        known_head=_KNOWN,
        known_message=_KNOWN,
    )


def read(slice: Slice, room: Room, sidecars: Json) -> Reading:
    """The conversation of a row, as far as this row tells of it."""
    reading = dialogue(slice, room).read(slice, sidecars)
    chain = sidecars.get("chain") if isinstance(sidecars, dict) else None
    if not isinstance(chain, Chain):
        return reading
    return replace(reading, conversations=tuple(map(chain.hung, reading.conversations)))


def prompt_fields(row: dict[str, Json]) -> list[str]:
    """The fields that go when the prompt of a row is erased, beside its title."""
    return [name for name in row if name not in _OF_ROW and name not in (PROMPT, ANSWER)]


def _has_prompt(row: dict[str, Json]) -> bool:
    """Whether there is a prompt. What is left of an erased one is null, or an empty string if null had no room."""
    return row.get(PROMPT) not in (None, "")


def _answered(row: dict[str, Json]) -> bool:
    """Whether there is an answer, or was one before an erasure."""
    return ANSWER in row and row[ANSWER] != []


def _nodes(key: list[str], row: Json) -> list[Node]:
    """The prompt with all that is said of it, and the answer. A row that has neither title nor answer is one message."""
    nodes = []
    if not _answered(row) and PROMPT not in row:
        return [Node((), row, parent=None, key=[*key, "row"])]
    if PROMPT in row:
        own = {name: row[name] for name in (PROMPT, "time", *prompt_fields(row)) if name in row}
        nodes.append(Node((PROMPT,), own if _has_prompt(row) else None, parent=None, key=[*key, "prompt"]))
    if _answered(row):
        own = {name: row[name] for name in (ANSWER, "time") if name in row}
        parent = 0 if nodes else None
        nodes.append(Node((ANSWER,), None if row[ANSWER] is None else own, parent=parent, key=[*key, "answer"]))
    return nodes


def _head(row: dict[str, Json], fields: Fields, desk: Desk) -> Head:
    """What the row says of its conversation; what it says of the prompt too, if that was erased."""
    named = _named(row)
    extra: dict[str, Json] = {}
    if len(named) > 1:
        note(extra, "not joined", f"the row names {len(named)} conversations")
    for name in ("time", *(prompt_fields(row) if _has_prompt(row) else ())):
        fields.left.pop(name, None)
    return Head(extra=extra)


def _message(row: dict[str, Json], folder: str, fields: Fields, desk: Desk) -> Draft:
    given = fields.left.get("time")
    time = moment(fields.text("time")) if isinstance(given, str) else fields.time("time")
    if ANSWER in fields.left:
        words = _answer(fields.left[ANSWER], desk)
        return Draft("assistant", time, [Text(words)] if words else [])
    title = fields.text(PROMPT)
    said = _SAID.match(title)
    words = title[said.end() :] if said else title
    extra: dict[str, Json] = {PROMPT: title} if said else {}
    parts: list[Part] = [Text(words)] if words else []
    for name, media in _FILES.items():
        parts += _files(name, media, fields, folder, desk)
    # A verb of another language cannot be known; but what was answered was said.
    is_prompt = said is not None or (_answered(row) and not _DONE.match(title))
    return Draft("user" if is_prompt and UNDIVIDED not in row else "activity", time, parts, extra=extra)


def _answer(items: Json, desk: Desk) -> str:
    """The words of an answer. It may come in several pieces, which are one text."""
    texts = []
    for item in items if isinstance(items, list) else [items]:
        html = item.get("html") if isinstance(item, dict) else None
        if isinstance(html, str):
            texts.append(plain_text(html))
        else:
            desk.unknown.note(ANSWER)
    return "\n\n".join(filter(None, texts))


def _files(name: str, media: str, fields: Fields, folder: str, desk: Desk) -> list[Part]:
    """What was attached: names of files that may lie beside the activity's own."""
    held = fields.left.get(name)
    if not held:
        return []
    del fields.left[name]
    parts: list[Part] = []
    for item in held if isinstance(held, list) else [held]:
        inner = Fields(item if isinstance(item, dict) else {"name": item})
        pointer = inner.text("path", "url", "href", "name")
        if not pointer:
            parts.append(Opaque(name, item))
            continue
        member = posixpath.join(folder, posixpath.basename(unquote(pointer)))
        at_hand = isinstance(desk.sidecars, dict) and member in desk.sidecars.get("files", ())
        shown = inner.text("name") or pointer
        parts.append(desk.attach(pointer, media, name=shown, member=member if at_hand else None, extra=inner.left))
    return parts


# --- which row came before --------------------------------------------------------------------------------------------


class _Link(NamedTuple):
    """A row as a link of its conversation's chain: its first and last message, and its time in microseconds."""

    first: str
    last: str
    us: int | None


@dataclass
class Chain:
    """The rows of a whole delivery by conversation: for every row the one before it, if it says which conversation it is of."""

    rows: dict[str, list[_Link]] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)

    def add(self, slice: Slice, room: Room) -> None:
        """The next row in the order of the files."""
        reader = dialogue(slice, room)
        ids = reader.ids(slice)
        if ids and reader.identify(slice).provider_id:
            time = slice.value.get("time")
            us = moment(time).us if isinstance(time, str) else None
            self.rows.setdefault(reader.conversation_id(slice), []).append(_Link(ids[0], ids[-1], us))

    def closed(self) -> Chain:
        """The chain, with every row hung on the one before it. A file is newest first, unless its times say otherwise."""
        for links in self.rows.values():
            times = [link.us for link in links if link.us is not None]
            oldest_first = links if times and times[0] < times[-1] else links[::-1]
            once = list({link.first: link for link in oldest_first}.values())
            self.before.update({link.first: earlier.last for earlier, link in pairwise(once)})
        return self

    def hung(self, conversation: Conversation) -> Conversation:
        """The conversation of one row, hung on the row before it."""
        if len(self.rows.get(conversation.id, ())) < 2:
            return conversation
        extra = dict(conversation.head.extra)
        note(extra, "graph", "file order")
        head = replace(conversation.head, extra=extra)
        return replace(conversation, head=head, messages=tuple(map(self._hung, conversation.messages)))

    def _hung(self, message: Message) -> Message:
        return replace(message, parent=self.before.get(message.id)) if message.parent is None else message
