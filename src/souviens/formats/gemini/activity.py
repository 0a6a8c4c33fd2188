"""Rows of My Activity: what somebody did with Gemini at a moment, and what Gemini answered.

A row names its conversation by a link, or not at all; then it is a conversation of its own. Rows of one conversation that stand
together and say the same of it are a slice, a `Run`; the vault makes one conversation of its runs. Nothing in a row says which row
came before it: the order of the file does, which is newest first (chain.py).

A prompt and its answer are messages of their own, so each can be erased by itself. Their ids are therefore not made of their words
but of what an erasure leaves: the time of the row and the room its title takes. Rows that are alike in both are numbered, and a row
without a time has the mark of what it says; both stand in the kind of its slice (`rows.numbered`).
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from souviens.canon import Occurrences, tagged_hash
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, Path
from souviens.formats._fields import Fields, note
from souviens.formats.gemini.markup import plain_text
from souviens.formats.gemini.moments import moment
from souviens.jsonspan import Slice
from souviens.records import Conversation, Extra, Head, Json, Message, Opaque, Part, Reading, Text, sealed

_PRODUCTS = re.compile(r"gemini|\bbard\b", re.IGNORECASE)
_HOST = re.compile(r"https?://(?:gemini|bard)\.google\.com/(?:u/\d+/)?(?:app/(?:c/)?([\w-]+))?")
# What stands before the words of a prompt, in the languages that other readers of Takeout have met.
_SAID = re.compile(
    r"(?:Prompted|Branched|Answered|Asked|Said|Submitted query|Query submitted|Eingegebener Prompt|Gav instruktionen|Pokyn"
    r"|Has dicho|Hiciste la petición|Preguntado|Fez uma pergunta|Perguntou|Υποβλήθηκε το ερώτημα"
    r"|送信したメッセージ|プロンプト|已提示)"
    r"(?:(?<=Asked) (?:Gemini|Bard)(?=[:：]))?(?:[:：]\s*|\s+|$)"
)
_DONE = re.compile(r"(?:Created|Used|Added|Gave|Selected|Cleared|Shared|Deleted|Viewed|Pinned|Renamed|Exported|Updated)\b")
PROMPT, ANSWER, UNDIVIDED = "title", "safeHtmlItem", "undivided"
# What a row says of the account and of its conversation. All else belongs to the prompt, is kept with it, and goes with it.
OF_ROW = frozenset({"header", "products", "activityControls", "details", "titleUrl", "time", "caption"})
_ENCLOSED = (str, list, dict)  # what stands between quotes or brackets
_NOT_PROMPT = (OF_ROW - {"time"}) | {ANSWER}
ROWS = "rows"  # of a run's value
_ANSWERED = "\0answered"  # beside the fields of a prompt, whether its row has an answer: no export has a field of that name
_FILES = {"attachedFiles": "file", "attachmentInfo": "file", "imageFile": "image", "audioFiles": "audio"}
_KNOWN = frozenset({"subtitles", "text", "description", "locationInfos", "aside", "titleHtml", PROMPT, ANSWER, *OF_ROW, *_FILES})


class Room(NamedTuple):
    """How many bytes the title and the answer of a row take up in its slice; an erasure leaves them as they are. answer: asked for
    only where the row is its conversation's only one."""

    prompt: int
    answer: int = 0


class Rooms(Protocol):
    """The rooms of some rows, by their places."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> Room: ...
    def __iter__(self) -> Iterator[Room]: ...


class Tally(NamedTuple):
    """How many prompts, answers, and rows that are neither, of rows that are alike."""

    prompts: int = 0
    answers: int = 0
    others: int = 0

    def plus(self, row: dict[str, Json]) -> Tally:
        """With those of one row more."""
        answered, prompted = _answered(row), PROMPT in row
        return Tally(self.prompts + prompted, self.answers + answered, self.others + (not prompted and not answered))


class Run(NamedTuple):
    """Rows of one slice, in the order of the file, and the room each takes. slice: its value is a row, or what all of them say
    of their conversation and the rows (`Joined`).

    mark: of its only row, which has no time. number: of a conversation that is a row and like others before it in the file.
    before: place of a row -> what rows that are like it told before this slice.
    """

    slice: Slice
    rows: list[dict[str, Json]]
    rooms: Rooms
    mark: str = ""
    number: str = ""
    before: Mapping[int, Tally] = MappingProxyType({})


def is_gemini(row: Json) -> bool:
    """Whether Google says that this row is Gemini's. What the row is about does not count: people search for "gemini"."""
    if not isinstance(row, dict):
        return False
    listed, header = row.get("products"), row.get("header")
    products = False
    for name in listed if isinstance(listed, list) else ():
        if isinstance(name, str):
            if _is_product(name):
                return True
            products = True
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


def conversations_of(row: Json) -> list[str]:
    """The ids of the conversations that a row links to, each once."""
    matches = map(_HOST.match, _links(row)) if isinstance(row, dict) else ()
    return list(dict.fromkeys(match[1] for match in matches if match and match[1] and match[1] != "c"))


def of_conversation(row: dict[str, Json], before: dict[str, Json] | None = None) -> dict[str, Json] | None:
    """What a row says of the one conversation it links to: rows of which this is the same can be of one run. before: what the row
    before it said, which is given back if this says the same.

    None for a row that is a slice of its own: it names no conversation or several, or what an erasure leaves of it could not be
    told from something else.
    """
    title = row.get(PROMPT)
    if type(title) is not str or not title.strip(" ") or type(row.get(ANSWER, [])) is not list or not is_timed(row):
        return None
    of_row, others = _sorted_names(tuple(row))
    for name in others:
        if type(row[name]) not in _ENCLOSED:
            return None
    if before is not None and len(of_row) == len(before):
        for name in of_row:
            if name not in before or row[name] != before[name]:
                break
        else:
            return before
    return {name: row[name] for name in of_row} if len(conversations_of(row)) == 1 else None


@lru_cache(maxsize=256)  # rows of few kinds have all the same fields
def _sorted_names(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the fields of a row those that say something of its conversation, and those that go with its prompt beside the title."""
    of_row = tuple(name for name in names if name in OF_ROW and name != "time")
    return of_row, tuple(name for name in names if name not in OF_ROW and name not in (PROMPT, ANSWER))


class Joined(dict[str, Json]):
    """The rows of a run as one value: what all of them say of their conversation, and the rows. pieces: the bytes of each."""

    def __init__(self, rows: list[dict[str, Json]], pieces: list[bytes]) -> None:
        self.pieces = pieces
        first = rows[0] if rows else {}
        super().__init__({name: first[name] for name in _sorted_names(tuple(first))[0]})
        self[ROWS] = rows


# --- reading ----------------------------------------------------------------------------------------------------------


def dialogue(run: Run, upward: bool = False) -> Dialogue:
    """How a run is to be read. upward: its oldest row is the first, not the last."""
    value = run.slice.value
    first = run.rows[0] if run.rows else {}
    named = conversations_of(first)
    if len(named) == 1:
        identity = Identity(named[0])
    else:
        room = run.rooms[0] if run.rooms else Room(0)
        number = ("number", run.number) if run.number else ()
        identity = Identity(None, ("row", *key(first, room, run.mark), str(room.answer), *number))
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


def read(run: Run, sidecars: Json, upward: bool = False) -> Reading:
    """The conversation of a run, as far as the run tells of it. upward: its oldest row is the first, not the last."""
    reader = dialogue(run, upward)
    says_once = run.slice.flaws is None or not run.slice.flaws.duplicates
    if isinstance(run.slice.value, Joined) and says_once and all(map(_is_plain, run.rows)):
        with contextlib.suppress(RecursionError):  # an answer nested too deeply to be written again
            return _read_plain(run, reader, upward, sidecars)
    return reader.read(run.slice, sidecars)


def _is_plain(row: dict[str, Json]) -> bool:
    """Whether a row of a run is nothing but a time, a prompt and an answer, of which nothing was erased."""
    return (
        not _sorted_names(tuple(row))[1]
        and type(row.get("time")) is str
        and type(title := row.get(PROMPT)) is str
        and title.strip(" ") != ""
        and type(row.get(ANSWER, [])) is list
    )


def _read_plain(run: Run, reader: Dialogue, upward: bool, sidecars: Json) -> Reading:
    """What `Dialogue.read` makes of plain rows, in two thirds of the time: nothing can be wrong with them, or left over."""
    id, provider_id = reader.conversation_id(run.slice), reader.identify(run.slice).provider_id
    desk = Desk(id, sidecars)
    ids = _plain_ids(id, run)
    before = [None, *ids] if upward else [*ids[1:], None]
    messages: list[Message] = []
    for row, own, earlier in zip(run.rows, ids, before, strict=False):
        time = moment(row["time"])
        role, words, extra = _said(row[PROMPT], answered=len(own) > 1)
        parts = (Text(words),) if words else ()
        messages.append(sealed(Message(own[0], None, earlier[-1] if earlier else None, 0, role, time, parts, extra=extra)))
        if len(own) > 1:
            parts = (Text(words),) if (words := _answer(row[ANSWER], desk)) else ()
            messages.append(sealed(Message(own[1], None, own[0], 1, "assistant", time, parts, extra={ANSWER: row[ANSWER]})))
    head = Head(extra={name: value for name, value in run.slice.value.items() if name != ROWS})
    conversation = Conversation(id, reader.provider, provider_id, head, tuple(messages))
    return Reading((conversation,), unknown=desk.unknown)


def _plain_ids(conversation: str, run: Run) -> list[tuple[str, ...]]:
    """The ids of the prompt and, if there is one, the answer of each row; of what `_messages` makes them."""
    make_id = Occurrences().make_id
    for node in alike_before(run):
        make_id("m", conversation, tagged_hash(node.key))
    ids: list[tuple[str, ...]] = []
    for row, room in zip(run.rows, run.rooms, strict=True):
        kept = key(row, room)
        prompt = make_id("m", conversation, tagged_hash((*kept, "prompt")))
        ids.append((prompt, make_id("m", conversation, tagged_hash((*kept, "answer")))) if _answered(row) else (prompt,))
    return ids


def prompt_fields(row: dict[str, Json]) -> list[str]:
    """The fields that go when the prompt of a row is erased, beside its title."""
    return list(_sorted_names(tuple(row))[1])


def has_prompt(row: dict[str, Json]) -> bool:
    """Whether there is a prompt, be it of a picture alone. What an erasure leaves of one, and of all that goes with it, is null, or
    a string of spaces or of nothing, or brackets around nothing."""
    if _says(row.get(PROMPT)):
        return True
    return any(_says(row[name]) for name in prompt_fields(row) if name != UNDIVIDED)


def _says(value: Json) -> bool:
    return bool(value.strip(" ")) if isinstance(value, str) else value not in (None, [], {}, 0)


def _answered(row: dict[str, Json]) -> bool:
    """Whether there is an answer, or was one before an erasure, which leaves null."""
    return ANSWER in row and row[ANSWER] != []


def is_timed(row: dict[str, Json]) -> bool:
    """Whether a row has a time to be known by."""
    time = row.get("time")
    return isinstance(time, str) and time.strip(" ") != ""


def key(row: dict[str, Json], room: Room, mark: str = "") -> tuple[str, ...]:
    """What of a row an erasure leaves. mark: of one without a time."""
    time = row.get("time")
    return (f"#{mark}" if mark else time if isinstance(time, str) else "", str(room.prompt))


def alike_before(run: Run) -> list[Node]:
    """For each message that rows before this slice told, which are like rows of it, a node that tells nothing: messages of the same
    key are counted, and those of this slice come after them."""
    nodes: list[Node] = []
    path: Path = (ROWS, -1) if isinstance(run.slice.value, Joined) else ("\0",)  # where nothing is
    for place, tally in run.before.items():
        if place < len(run.rows):
            kept = key(run.rows[place], run.rooms[place], run.mark)
            for what, many in zip(("prompt", "answer", "row"), tally, strict=True):
                nodes += [Node(path, None, None, None, 0, (*kept, what))] * many
    return nodes


def _nodes(run: Run, is_run: bool, upward: bool, value: Json) -> list[Node]:
    """The messages of the rows in the order of the file; each row hangs on the one before it in time."""
    nodes = alike_before(run)
    counts = [*map(count, run.rows), 0]
    for place, (row, room) in enumerate(zip(run.rows, run.rooms, strict=True)):
        here, after = len(nodes), counts[place + 1]
        if upward:
            parent = here - 1 if place else None
        else:
            parent = here + counts[place] + after - 1 if after else None
        nodes += _messages(row, key(row, room, run.mark), (ROWS, place) if is_run else (), here, parent)
    return nodes


def count(row: dict[str, Json]) -> int:
    """How many messages a row is."""
    return (PROMPT in row) + _answered(row) or 1


def _messages(row: dict[str, Json], kept: tuple[str, ...], path: Path, here: int, parent: int | None) -> list[Node]:
    """The prompt with all that is said of it, and the answer. A row that has neither title nor answer is one message.

    kept: the key of the row. path: of the row. here: how many messages were before. parent: of its first one.
    """
    answered = _answered(row)
    if PROMPT not in row:
        if not answered:
            return [Node(path, row, None, parent, 0, (*kept, "row"))]
        return [Node(path or (ANSWER,), _answer_of(row), None, parent, 0, (*kept, "answer"))]
    own = None
    if has_prompt(row):
        own = {name: value for name, value in row.items() if name not in _NOT_PROMPT}
        own[_ANSWERED] = answered
    prompt = Node(path or (PROMPT,), own, None, parent, 0, (*kept, "prompt"))
    if not answered:
        return [prompt]
    return [prompt, Node(path or (ANSWER,), _answer_of(row), None, here, 1, (*kept, "answer"))]


def _answer_of(row: dict[str, Json]) -> dict[str, Json] | None:
    """What an answer is made of; null where it was erased."""
    return None if row[ANSWER] is None else {name: row[name] for name in (ANSWER, "time") if name in row}


def _head(row: dict[str, Json], is_run: bool, fields: Fields, desk: Desk) -> Head:
    """What the rows say of their conversation; what a row of its own says of the prompt too, if that was erased."""
    extra: dict[str, Json] = {}
    if is_run:
        fields.left.pop(ROWS, None)
        return Head(extra=extra)
    named = conversations_of(row)
    if len(named) > 1:
        note(extra, "not joined", f"the row names {len(named)} conversations")
    is_empty = row.get(PROMPT) == "" and not has_prompt(row) and not _answered(row)  # no message: only a time
    for name in (*(() if is_empty else ("time",)), *(prompt_fields(row) if has_prompt(row) else ())):
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
    role, words, extra = _said(fields.text(PROMPT), answered=answered)
    parts: list[Part] = [Text(words)] if words else []
    for name, media in _FILES.items():
        if name in left:
            parts += _files(name, media, fields, folder, desk)
    return Draft("activity" if UNDIVIDED in left else role, time, parts, extra=extra)


def _said(title: str, *, answered: bool) -> tuple[str, str, Extra]:
    """Role and words of what somebody said or did, and the title where more stands in it."""
    said = _SAID.match(title)
    if said:
        return "user", title[said.end() :], {PROMPT: title}
    # A verb of another language cannot be known; but what was answered was said.
    return "user" if answered and not _DONE.match(title) else "activity", title, {}


def _answer(items: Json, desk: Desk) -> str:
    """The words of an answer. It may come in several pieces, which are one text."""
    texts = []
    for item in items if isinstance(items, list) else [items]:
        html = item.get("html") if isinstance(item, dict) else None
        if isinstance(html, str):
            texts.append(plain_text(html))
        else:
            desk.unknown.note(ANSWER)
    return texts[0] if len(texts) == 1 else "\n\n".join(filter(None, texts))


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
