"""Rows of My Activity: what somebody did with Gemini at a moment, and what Gemini answered.

A row names its conversation by a link, or not at all; then it is a conversation of its own. Rows of one conversation that stand
together and say the same of it are a slice, a `Run`; the vault makes one conversation of its runs. Nothing in a row says which row
came before it: the order of the file does, which is newest first, and the conversation's `extra` says so under "graph". `Chain`
holds which run came before which.

A prompt and its answer are messages of their own, so each can be erased by itself. Their ids are therefore not made of their words
but of what an erasure leaves: the time of the row and the room its title takes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote

from msgspec.structs import replace

from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, Path
from souviens.formats._fields import Fields, note
from souviens.formats.gemini.markup import plain_text
from souviens.formats.gemini.moments import moment
from souviens.jsonspan import Slice
from souviens.records import Conversation, Head, Json, Opaque, Part, Reading, Text

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
_ENCLOSED = (str, list, dict)  # what stands between quotes or brackets
_NOT_PROMPT = (_OF_ROW - {"time"}) | {ANSWER}
ROWS = "rows"  # of a run's value
_ANSWERED = "\0answered"  # beside the fields of a prompt, whether its row has an answer: no export has a field of that name
_FILES = {"attachedFiles": "file", "attachmentInfo": "file", "imageFile": "image", "audioFiles": "audio"}
_KNOWN = frozenset(
    {"subtitles", "text", "description", "locationInfos", "aside", "titleHtml", PROMPT, ANSWER, UNDIVIDED, *_OF_ROW, *_FILES}
)


class Room(NamedTuple):
    """How many bytes the title and the answer of a row take up in its slice; an erasure leaves them as they are. answer: asked for
    only where the row is its conversation's only one."""

    prompt: int
    answer: int = 0


class Run(NamedTuple):
    """Rows of one slice, in the order of the file, and the room each takes. slice: its value is a row, or what all of them say
    of their conversation and the rows (`Joined`)."""

    slice: Slice
    rows: list[dict[str, Json]]
    rooms: list[Room]


def is_gemini(row: Json) -> bool:
    """Whether Google says that this row is Gemini's. What the row is about does not count: people search for "gemini"."""
    if not isinstance(row, dict):
        return False
    listed, header = row.get("products"), row.get("header")
    products = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if any(map(_is_product, products)):
        return True
    # An app on a phone may be called Gemini; its rows are those of the product Android, and hold no answers.
    if isinstance(header, str) and _PRODUCTS.search(header) and (not products or ANSWER in row):
        return True
    if products or isinstance(header, str):
        return False
    said = row.get(PROMPT)
    return any(map(_HOST.match, _links(row))) or (isinstance(said, str) and _SAID.match(said) is not None)


@lru_cache(maxsize=64)
def _is_product(name: str) -> bool:
    return _PRODUCTS.search(name) is not None


def _links(row: dict[str, Json]) -> list[str]:
    details = row.get("details")
    links = [detail.get("url") for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    return [link for link in (*links, row.get("titleUrl")) if isinstance(link, str)]


def _named(row: Json) -> list[str]:
    """The ids of the conversations that a row links to, each once."""
    matches = map(_HOST.match, _links(row)) if isinstance(row, dict) else ()
    return list(dict.fromkeys(match[1] for match in matches if match and match[1] and match[1] != "c"))


def of_conversation(row: dict[str, Json], before: dict[str, Json] | None = None) -> dict[str, Json] | None:
    """What a row says of the one conversation it links to: rows of which this is the same can be of one run. before: what the row
    before it said.

    None for a row that is a slice of its own: it names no conversation or several, or what an erasure leaves of it could not be
    told from something else.
    """
    title = row.get(PROMPT)
    if type(title) is not str or not title.strip(" ") or type(row.get(ANSWER, [])) is not list:
        return None
    own: dict[str, Json] = {}
    for name, value in row.items():
        if name in _OF_ROW:
            own[name] = value
        elif type(value) not in _ENCLOSED:
            return None
    own.pop("time", None)
    return own if own == before or len(_named(row)) == 1 else None


class Joined(dict[str, Json]):
    """The rows of a run as one value: what all of them say of their conversation, and the rows. pieces: the bytes of each."""

    def __init__(self, rows: list[dict[str, Json]], pieces: list[bytes]) -> None:
        self.pieces = pieces
        first = rows[0] if rows else {}
        super().__init__({name: first[name] for name in first if name in _OF_ROW and name != "time"})
        self[ROWS] = rows


# --- reading ----------------------------------------------------------------------------------------------------------


def dialogue(run: Run, upward: bool = False) -> Dialogue:
    """How a run is to be read. upward: its oldest row is the first, not the last."""
    value = run.slice.value
    first = run.rows[0] if run.rows else {}
    named = _named(first)
    if len(named) == 1:
        identity = Identity(named[0])
    else:
        room = run.rooms[0] if run.rooms else Room(0)
        identity = Identity(None, ("row", *_key(first, room), str(room.answer)))
    is_run = isinstance(value, Joined)
    return Dialogue(
        "gemini",
        lambda _: identity,
        partial(_nodes, run, is_run, upward),
        partial(_head, first, is_run),
        partial(_message, posixpath.dirname(run.slice.path)),
        known_head=_KNOWN,
        known_message=_KNOWN,
    )


def read(run: Run, sidecars: Json) -> Reading:
    """The conversation of a run, as far as the run tells of it."""
    chain = sidecars.get("chain") if isinstance(sidecars, dict) else None
    if not isinstance(chain, Chain):
        return dialogue(run).read(run.slice, sidecars)
    reader = dialogue(run)
    upward = reader.conversation_id(run.slice) in chain.upward
    reading = (dialogue(run, upward) if upward else reader).read(run.slice, sidecars)
    is_row = not isinstance(run.slice.value, Joined)
    return replace(reading, conversations=tuple(chain.hung(found, is_row=is_row) for found in reading.conversations))


def prompt_fields(row: dict[str, Json]) -> list[str]:
    """The fields that go when the prompt of a row is erased, beside its title."""
    return [name for name in row if name not in _OF_ROW and name not in (PROMPT, ANSWER)]


def _has_prompt(row: dict[str, Json]) -> bool:
    """Whether there is a prompt. What is left of an erased one is null, or a string of spaces or of nothing."""
    title = row.get(PROMPT)
    return bool(title.strip(" ")) if isinstance(title, str) else title is not None


def _answered(row: dict[str, Json]) -> bool:
    """Whether there is an answer, or was one before an erasure, which leaves null."""
    return ANSWER in row and row[ANSWER] != []


def _key(row: dict[str, Json], room: Room) -> list[str]:
    time = row.get("time")
    return [time if isinstance(time, str) else "", str(room.prompt)]


def _nodes(run: Run, is_run: bool, upward: bool, value: Json) -> list[Node]:
    """The messages of the rows in the order of the file; each row hangs on the one before it in time."""
    nodes: list[Node] = []
    begin = 0
    for place, (row, room) in enumerate(zip(run.rows, run.rooms, strict=True)):
        found = _messages(row, room, (ROWS, place) if is_run else (), len(nodes))
        if place and upward:
            found[0] = found[0]._replace(parent=len(nodes) - 1)
        elif place:
            nodes[begin] = nodes[begin]._replace(parent=len(nodes) + len(found) - 1)
        begin = len(nodes)
        nodes += found
    return nodes


def _messages(row: dict[str, Json], room: Room, path: Path, count: int) -> list[Node]:
    """The prompt with all that is said of it, and the answer. A row that has neither title nor answer is one message.

    path: of the row. count: how many messages were before.
    """
    key = _key(row, room)
    answered = _answered(row)
    if not answered and PROMPT not in row:
        return [Node(path, row, parent=None, order=0, key=[*key, "row"])]
    nodes = []
    if PROMPT in row:
        own = None
        if _has_prompt(row):
            own = {name: row[name] for name in row if name not in _NOT_PROMPT}
            own[_ANSWERED] = answered
        nodes.append(Node(path or (PROMPT,), own, parent=None, order=0, key=[*key, "prompt"]))
    if answered:
        own = None if row[ANSWER] is None else {name: row[name] for name in (ANSWER, "time") if name in row}
        order = len(nodes)
        nodes.append(Node(path or (ANSWER,), own, parent=count if order else None, order=order, key=[*key, "answer"]))
    return nodes


def _head(row: dict[str, Json], is_run: bool, fields: Fields, desk: Desk) -> Head:
    """What the rows say of their conversation; what a row of its own says of the prompt too, if that was erased."""
    extra: dict[str, Json] = {}
    if is_run:
        fields.left.pop(ROWS, None)
        return Head(extra=extra)
    named = _named(row)
    if len(named) > 1:
        note(extra, "not joined", f"the row names {len(named)} conversations")
    for name in ("time", *(prompt_fields(row) if _has_prompt(row) else ())):
        fields.left.pop(name, None)
    return Head(extra=extra)


def _message(folder: str, fields: Fields, desk: Desk) -> Draft:
    left = fields.left
    given = left.get("time")
    time = moment(fields.text("time")) if isinstance(given, str) else fields.time("time")
    answered = left.pop(_ANSWERED, False)
    if ANSWER in left:
        words = _answer(left[ANSWER], desk)
        return Draft("assistant", time, [Text(words)] if words else [])
    title = fields.text(PROMPT)
    said = _SAID.match(title)
    words = title[said.end() :] if said else title
    extra: dict[str, Json] = {PROMPT: title} if said else {}
    parts: list[Part] = [Text(words)] if words else []
    for name, media in _FILES.items():
        if name in left:
            parts += _files(name, media, fields, folder, desk)
    # A verb of another language cannot be known; but what was answered was said.
    is_prompt = said is not None or (answered and not _DONE.match(title))
    return Draft("user" if is_prompt and UNDIVIDED not in left else "activity", time, parts, extra=extra)


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


class Link(NamedTuple):
    """A run as a link of its conversation's chain: the file it is of, the first and last message of its first and of its last row,
    and when these were, in microseconds."""

    path: str
    above: tuple[str, str]
    below: tuple[str, str]
    above_us: int | None
    below_us: int | None


@dataclass
class Chain:
    """The runs of a whole delivery by conversation: for every run the message before it, and which conversations' files are oldest
    first. every_row: the same of its rows, which is asked for only where a linked row is a slice of its own: the first reader knew
    no runs, and a vault may hold what it cut."""

    every_row: Callable[[], Chain]
    runs: dict[str, list[Link]] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    upward: set[str] = field(default_factory=set)

    def add(self, links: Iterable[tuple[str, Link]]) -> None:
        """The runs of the next file, in its order."""
        for conversation, link in links:
            self.runs.setdefault(conversation, []).append(link)

    def closed(self) -> Chain:
        """The chain, with every run hung on the one before it. A file is newest first, unless its times say otherwise."""
        for id, links in self.runs.items():
            times = [us for link in links for us in (link.above_us, link.below_us) if us is not None]
            upward = bool(times) and times[0] < times[-1]
            if upward:
                self.upward.add(id)
            once = {link.above: link for link in (links if upward else links[::-1])}
            for earlier, link in pairwise(once.values()):
                last, first = (earlier.below, link.above) if upward else (earlier.above, link.below)
                if earlier.path == link.path or not _overlap(earlier, link):
                    self.before[first[0]] = last[1]
        return self

    @cached_property
    def _rows(self) -> Chain:
        return self.every_row()

    def hung(self, conversation: Conversation, *, is_row: bool) -> Conversation:
        """The conversation of one run, or of a row that is none, hung on what came before it."""
        runs = self.runs.get(conversation.id, ())
        if len(runs) < 2 and not any(link.above != link.below for link in runs):
            return conversation
        extra = dict(conversation.head.extra)
        note(extra, "graph", "file order")
        head = replace(conversation.head, extra=extra)
        before = self._rows.before if is_row else self.before
        messages = [
            replace(message, parent=before[message.id]) if message.parent is None and message.id in before else message
            for message in conversation.messages
        ]
        return replace(conversation, head=head, messages=tuple(messages))


def _overlap(earlier: Link, later: Link) -> bool:
    """Whether runs of two files are of the same time, so that neither came before the other."""
    ends = [us for us in (earlier.above_us, earlier.below_us) if us is not None]
    starts = [us for us in (later.above_us, later.below_us) if us is not None]
    return bool(ends and starts) and max(ends) > min(starts)


def apart(run: Run) -> list[Run]:
    """The rows of a run, each as one of its own."""
    return [Run(run.slice, [row], [room]) for row, room in zip(run.rows, run.rooms, strict=True)]


def link_of(run: Run) -> tuple[str, Link] | None:
    """(conversation id, link) of a run; None if it names no conversation."""
    if not run.rows or len(_named(run.rows[0])) != 1:
        return None
    rows, rooms = run.rows, run.rooms
    last = _key(rows[-1], rooms[-1])
    alike = any(row.get("time") == last[0] and _key(row, room) == last for row, room in zip(rows[1:-1], rooms[1:], strict=False))
    # Ids of rows that are alike are counted, so that those of the last one can depend on all.
    reader = dialogue(run if alike or len(rows) < 3 else Run(run.slice, [rows[0], rows[-1]], [rooms[0], rooms[-1]]))
    ids = reader.ids(run.slice)
    if not ids:
        return None
    first, count = (len(_messages(rows[place], rooms[place], (), 0)) for place in (0, -1))
    ends = (ids[0], ids[first - 1]), (ids[-count], ids[-1])
    return reader.conversation_id(run.slice), Link(run.slice.path, *ends, _us(rows[0]), _us(rows[-1]))


def _us(row: dict[str, Json]) -> int | None:
    time = row.get("time")
    return moment(time).us if isinstance(time, str) else None
