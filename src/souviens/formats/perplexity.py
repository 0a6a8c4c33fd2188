"""Perplexity: threads of questions and answers, in three shapes.

    {"conversations": [{context_uuid, entries}]}      what a request for one's data brings, after weeks; without sources
    {metadata, conversations: [{query, answer}]}      one thread, from an exporter in the browser; with sources
    {entries: [{query_str, blocks}], thread_metadata} one thread, as the web API gives it; older answers are JSON in `text`

A turn holds a question and its answer. They are two messages, so that each can be erased by itself: what a turn says beside them is
kept with the answer, or with the question while there is no answer.

Sources: formats.md 6; personal-ai-memory and nexus-ai-chat-importer for the shapes, public readers of the API for its blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import partial

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import beginnings
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded
from souviens.formats._fields import Fields, note
from souviens.jsonspan import Glue, Slice, cut_elements, decode
from souviens.records import Citation, Head, Json, Opaque, Part, Reading, Text, Topic, Treatment

NAME = "perplexity"
TITLE = "Perplexity threads"
READER = 1
SUPPORT = "samples"
GUIDE = Guide(
    get=(
        "ask for your data at perplexity.typeform.com/datarequest; the file comes by mail, after weeks",
        "or export single threads as JSON with a browser extension",
    ),
    notes=("The official file names no sources.", "Perplexity takes no threads in."),
)
# Kind of a slice -> where its turns stand.
_TURNS = {"conversation": "entries", "thread": "conversations", "answers": "entries"}
_UUIDS = ("entry_uuid", "uuid", "backend_uuid")
_TIMES = ("created_at", "timestamp", "entry_created_datetime")
_UPDATED = ("entry_updated_datetime", "updated_datetime")
_CONTEXTS = ("context_uuid", "thread_url_slug")
_QUESTIONS, _ANSWERS = ("query", "query_str"), ("answer", "blocks", "text")
# Said of a turn as a whole: kept with both of its messages, and left there when one is erased.
_OF_BOTH = frozenset({*_UUIDS, *_TIMES, *_UPDATED, *_CONTEXTS})
_OF_QUESTION = frozenset({*_QUESTIONS, "attachments"})
_SOURCES = ("sources", "citations", "web_results", "sources_list")
_KNOWN_HEAD = frozenset({"metadata", "thread_metadata", "mode", "status", "has_next_page", "next_cursor", "collection_uuid"})
_KNOWN_MESSAGE = frozenset({
    *_OF_BOTH, *_SOURCES, *_ANSWERS, "label", "query_status", "mode", "index", "language", "related_queries", "related_query_items",
    "thread_title", "display_model", "user_selected_model", "frontend_uuid", "status", "search_focus", "query_source",
    "author_username", "collection_info",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "account": the official file. "thread", "answers": one thread, from an exporter or from the API."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("account", "conversation", "thread", "answers") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look not in ("object", "array"):
        return ""
    value = seen.first
    turns, metadata = value.get("conversations"), value.get("metadata")
    if isinstance(turns, list):
        if any(map(_is_conversation, turns)):
            return "account"
        named = isinstance(metadata, dict) and any(key.startswith("thread_") for key in metadata)
        return "thread" if named or any(_has(turn, "query", "answer") for turn in turns) else ""
    if _is_conversation(value):
        return "conversation"
    entries = value.get("entries")
    return "answers" if isinstance(entries, list) and any(_has(entry, "query_str") for entry in entries) else ""


def _is_conversation(value: Json) -> bool:
    return _has(value, "context_uuid", "entries") and isinstance(value["entries"], list)


def _has(value: Json, *keys: str) -> bool:
    return isinstance(value, dict) and value.keys() >= set(keys)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    kind = _kind(peek(entry))
    keys = ("conversations",) if kind == "account" else ()
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="conversation" if kind in ("account", "") else kind, keys=keys)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return _dialogue(slice).read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _dialogue(slice).locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """With a question go its attachments, with an answer all else that its turn says; with a space its id."""
    slice = loaded(slice)
    places = []
    for id, (*above, last) in locations(slice).items():
        if id in ids and isinstance(last, str):
            turn = _at(slice.value, above)
            own = _of_question(turn) if last in _QUESTIONS else _of_answer(turn)
            places += [Place((*above, key)) for key in own if key != last]
    if isinstance(slice.value, dict) and _space(slice.value.get("collection_uuid")) in ids:
        places.append(Place(("collection_uuid",)))
    return places


def _at(value: Json, path: list[str | int]) -> dict[str, Json]:
    for step in path:
        value = value[step]
    return dict(value)


def _space(uuid: Json) -> str | None:
    return make_id("t", NAME, uuid) if isinstance(uuid, str) and uuid else None


def _dialogue(slice: Slice) -> Dialogue:
    return Dialogue(
        NAME,
        _identify,
        partial(_nodes, _TURNS[slice.kind]),
        partial(_head, slice.kind, loaded(slice).value),
        _message,
        known_head=_KNOWN_HEAD,
        known_message=_KNOWN_MESSAGE,
    )


def _identify(slice: Slice) -> Identity:
    """A thread's own id, or the one that its turns give."""
    value, key = loaded(slice).value, _TURNS[slice.kind]
    turns = value.get(key)
    said = [value, value.get("metadata"), value.get("thread_metadata"), *(turns if isinstance(turns, list) else ())]
    for name in ("context_uuid", "thread_id", "thread_url_slug"):
        found = next((held[name] for held in said if isinstance(held, dict) and isinstance(held.get(name), str) and held[name]), "")
        if found:
            return Identity(found)
    return Identity(None, (key, beginnings(slice.data, key)))


def _nodes(key: str, value: Json) -> list[Node]:
    turns = value.get(key)
    nodes = []
    for place, turn in enumerate(turns if isinstance(turns, list) else ()):
        nodes += _turn((key, place), turn) if isinstance(turn, dict) else [Node((key, place), turn)]
    return nodes


def _turn(path: tuple[str | int, ...], turn: dict[str, Json]) -> list[Node]:
    """The question and the answer of a turn; null is what an erasure left of one."""
    question, answer = _held(turn, _QUESTIONS), _held(turn, _ANSWERS)
    if not question and not answer:
        return [Node(path, turn)]
    uuid = next((turn[key] for key in _UUIDS if isinstance(turn.get(key), str)), None)
    both = {key: held for key, held in turn.items() if key in _OF_BOTH}
    asked = {key: turn[key] for key in _of_question(turn)}
    said = {key: turn[key] for key in _of_answer(turn)}
    nodes = []
    if question:
        rest = {} if answer else {key: held for key, held in said.items() if held is not None}
        own = None if turn[question] is None else {**both, **asked, **rest}
        nodes.append(Node((*path, question), own, key=[uuid, "question"] if uuid else None))
    if answer:
        own = None if turn[answer] is None else {**both, **said, **({} if question else asked)}
        nodes.append(Node((*path, answer), own, key=[uuid, "answer"] if uuid else None))
    return nodes


def _held(turn: dict[str, Json], keys: tuple[str, ...]) -> str:
    """The first of these fields that a turn has, and not empty; "" if it has none."""
    return next((key for key in keys if turn.get(key, "") not in ("", [])), "")


def _of_question(turn: dict[str, Json]) -> list[str]:
    return [key for key in turn if key in _OF_QUESTION]


def _of_answer(turn: dict[str, Json]) -> list[str]:
    return [key for key in turn if key not in _OF_QUESTION and key not in _OF_BOTH]


def _beside(turn: Json) -> dict[str, Json]:
    """What a turn says beside a question or an answer that is null: no message has it."""
    left: dict[str, Json] = {}
    if isinstance(turn, dict):
        for keys, own in ((_QUESTIONS, _of_question), (_ANSWERS, _of_answer)):
            if turn.get(_held(turn, keys), "") is None:
                left |= {key: turn[key] for key in own(turn) if turn[key] is not None}
    return left


def _head(kind: str, value: Json, fields: Fields, desk: Desk) -> Head:
    turns = value.get(_TURNS[kind])
    fields.items(_TURNS[kind])
    extra: dict[str, Json] = {}
    if beside := [left for turn in (turns if isinstance(turns, list) else ()) if (left := _beside(turn))]:
        note(extra, "without message", beside)
    own = fields if kind == "conversation" else fields.inner("metadata") or fields.inner("thread_metadata")
    if own is None:
        return Head(extra=extra)
    for name in ("thread_id", "context_uuid"):
        own.identifier(name)
    if project := _space(own.left.get("collection_uuid")):
        desk.topics.append(Topic(project, "project", provider=NAME, provider_id=own.identifier("collection_uuid")))
    title = own.text("context_title", "thread_title", "title")
    created, updated = (own.time(key if key in own.left else f"thread_{key}") for key in ("created_at", "updated_at"))
    fields.tidy("metadata", "thread_metadata")
    return Head(title, created, updated, project=project, extra=extra)


# --- messages ---------------------------------------------------------------------------------------------------------


def _message(fields: Fields, desk: Desk) -> Draft:
    time = fields.time(next((key for key in _TIMES if key in fields.left), ""))
    updated = fields.updated(next((key for key in _UPDATED if key in fields.left), ""))
    question, answer = _held(fields.left, _QUESTIONS), _held(fields.left, _ANSWERS)
    if question or not answer:
        parts: list[Part] = [Text(words)] if question and (words := fields.text(question)) else []
        parts += [_attached(item, desk) for item in fields.items("attachments")]
        return Draft("user" if question else "", time, parts, updated=updated)
    model = fields.optional("model", "display_model", "user_selected_model")
    parts = _answer(answer, fields, desk)
    for key in _SOURCES:
        parts += [_citation(source) for source in fields.items(key)]
    return Draft("assistant", time, parts, model=model, updated=updated)


def _attached(value: Json, desk: Desk) -> Part:
    inner = Fields(value if isinstance(value, dict) else {"url": value})
    pointer = inner.text("url", "name")
    if not pointer:
        return Opaque("attachment", value)
    return desk.attach(pointer, name=inner.text("name", "file_name"), extra=inner.left)


def _answer(key: str, fields: Fields, desk: Desk) -> list[Part]:
    if key == "answer":
        return [Text(words)] if (words := fields.text(key)) else []
    if key == "text":
        return _steps(fields.left.get(key))
    parts: list[Part] = []
    for block in fields.items(key):
        parts += _block(block, {part.text for part in parts if isinstance(part, Text)}, desk)
    return parts


def _block(value: Json, before: set[str], desk: Desk) -> list[Part]:
    """A block of an answer: words, which several blocks may repeat, or what was found on the web."""
    if not isinstance(value, dict):
        return [Opaque("block", value)]
    fields = Fields(value)
    kind = str(value.get("intended_usage") or "block")
    words, found = fields.inner("markdown_block"), fields.inner("web_result_block")
    if words is not None:
        chunks = words.left.get("chunks")
        joined = "".join(chunk for chunk in chunks if isinstance(chunk, str)) if isinstance(chunks, list) else ""
        text = words.text("answer") or joined
        return [Text(text, extra=fields.left)] if text and text not in before else [Opaque(kind, value)]
    if found is not None:
        parts = [_citation(source) for source in found.items("web_results")]
        fields.tidy("web_result_block")
        return [*parts, Opaque(kind, fields.left)] if fields.left else parts
    return [Opaque(kind, value)]


def _steps(value: Json) -> list[Part]:
    """The answer of an older API: JSON in a string, of which the last step may hold JSON in a string again. It stays as it is;
    its words and sources are taken out of it."""
    said = _unpacked(value)
    if isinstance(said, list):
        steps = [step for step in said if isinstance(step, dict) and step.get("step_type") == "FINAL"]
        said = steps[-1].get("content") if steps else None
    if isinstance(said, dict) and isinstance(inner := _unpacked(said.get("answer")), dict):
        said = inner
    if not isinstance(said, dict) or not isinstance(said.get("answer"), str):
        return [Text(value)] if isinstance(value, str) and said == value else []
    found = said.get("web_results")
    return [Text(said["answer"]), *(_citation(source) for source in (found if isinstance(found, list) else ()))]


def _unpacked(value: Json) -> Json:
    """What the JSON in a string says; anything else as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return decode(value.encode())[0]
    except ValueError:
        return value


def _citation(value: Json) -> Part:
    if isinstance(value, str) and value:
        return Citation(value)
    if not isinstance(value, dict):
        return Opaque("source", value)
    fields = Fields(value)
    return Citation(fields.text("url"), fields.text("title", "name"), fields.text("snippet"), extra=fields.left)
