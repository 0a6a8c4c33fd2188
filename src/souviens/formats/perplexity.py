"""Perplexity: threads of questions and answers, in three shapes.

    {"conversations": [{context_uuid, entries}]}      what a request for one's data brings, after weeks; without sources
    {metadata, conversations: [{query, answer}]}      one thread, from an exporter in the browser; with sources
    {entries: [{query_str, blocks}], thread_metadata} one thread, as the web API gives it; older answers are JSON in `text`

A turn holds a question and its answer. They are two messages, so that each can be erased by itself: what a turn says beside them is
kept with the answer, or with the question while there is no answer. A turn without either is one message without a role if it says
anything beside its ids and times; they alone, which an erasure leaves as well, stay with the thread.

A thread that says no id is known by the id of its first turn, or by its title and all that is said in it.

Sources: formats.md 6; personal-ai-memory and nexus-ai-chat-importer for the shapes, public readers of the API for its blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from functools import partial

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import AGAIN, Kind, mark_of, marked, told_again
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, Path, loaded
from souviens.formats._document import BESIDE, is_any, read_beside, with_beside
from souviens.formats._fields import Fields, id_of, name_type, note
from souviens.jsonspan import Glue, Slice, cut_elements, decode
from souviens.records import Citation, Head, Json, Opaque, Part, Problem, Reading, Text, Topic, Treatment

NAME = "perplexity"
TITLE = "Perplexity threads"
READER = 2
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
_IDS = ("context_uuid", "thread_id", "thread_url_slug")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TITLES = ("context_title", "thread_title", "title")
_UUIDS = ("entry_uuid", "uuid", "backend_uuid")
_TIMES = ("created_at", "timestamp", "entry_created_datetime")
_UPDATED = ("entry_updated_datetime", "updated_datetime")
_CONTEXTS = ("context_uuid", "thread_url_slug")
_QUESTIONS, _ANSWERS = ("query", "query_str"), ("answer", "blocks", "text")
# Said of a turn as a whole: kept with both of its messages, and left there when one is erased.
_OF_BOTH = frozenset({*_UUIDS, *_TIMES, *_UPDATED, *_CONTEXTS})
_OF_QUESTION = frozenset({*_QUESTIONS, "attachments"})
_SOURCES = ("sources", "citations", "web_results", "sources_list")
_KNOWN_HEAD = frozenset({
    *_IDS, "metadata", "thread_metadata", "mode", "status", "has_next_page", "next_cursor", "collection_uuid",
})  # fmt: skip
_KNOWN_MESSAGE = frozenset({
    *_OF_BOTH, *_SOURCES, *_QUESTIONS, *_ANSWERS, "label", "query_status", "mode", "index", "language", "related_queries",
    "related_query_items", "thread_title", "display_model", "user_selected_model", "frontend_uuid", "status", "search_focus",
    "query_source", "author_username", "collection_info",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "account": the official file. "thread", "answers": one thread, from an exporter or from the API."""
    kinds = {_kind(entry) for entry in delivery.entries}
    return next((shape for shape in ("account", "conversation", "thread", "answers") if shape in kinds), None)


def _kind(entry: Entry) -> str:
    seen = peek(entry)
    if seen.look == "object":
        return _shape(seen.first, entry)
    if seen.look not in ("array", "lines") or not isinstance(seen.sample, list):
        return ""
    kinds = (_shape(value) for value in seen.sample if isinstance(value, dict))
    kind = next(filter(None, kinds), "")
    return "" if kind == "account" and seen.look == "array" else kind


def _shape(value: dict[str, Json], entry: Entry | None = None) -> str:
    """What a document is. entry: the file that it is, to look further into it than is shown here."""

    def is_any_of(held: list[Json], is_ours: Callable[[Json], bool], *keys: str) -> bool:
        return is_any(entry, held, partial(_told, is_ours), *keys) if entry else any(map(is_ours, held))

    turns, metadata, listed = (value.get(key) for key in ("conversations", "metadata", "entries"))
    if isinstance(turns, list):
        if is_any_of(turns, _is_conversation, "conversations"):
            return "account"
        named = isinstance(metadata, dict) and any(key.startswith("thread_") for key in metadata)
        return "thread" if named or is_any_of(turns, lambda turn: _has(turn, "query", "answer"), "conversations") else ""
    if _is_conversation(value):
        return "conversation"
    is_answers = isinstance(listed, list) and is_any_of(listed, lambda turn: _has(turn, "query_str"), "entries")
    return "answers" if is_answers else ""


def _told(is_ours: Callable[[Json], bool], value: Json) -> bool | None:
    """Whether an element is ours; None if it does not show, as of one that is empty or lacks what stands in others."""
    if is_ours(value):
        return True
    odd = not isinstance(value, dict) or not value or None in value.values() or not value.keys().isdisjoint((*_CONTEXTS, *_UUIDS))
    return None if odd else False


def _is_conversation(value: Json) -> bool:
    return _has(value, "context_uuid", "entries") and isinstance(value["entries"], (list, dict))


def _has(value: Json, *keys: str) -> bool:
    return isinstance(value, dict) and value.keys() >= set(keys)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(entry)}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """Each thread as one slice; of an account what else it holds as one each."""
    kind = _kind(entry)
    with entry.open() as stream:
        if kind == "account":
            pieces = cut_elements(stream, path=entry.name, kind="conversation", keys=("conversations",))
            yield from with_beside(marked(pieces, _mark), entry.name, {"conversations": "conversation"})
        else:
            yield from marked(cut_elements(stream, path=entry.name, kind=kind or "conversation"), _mark)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    slice = loaded(slice)
    if slice.kind == BESIDE:
        return read_beside(slice)
    return told_again(slice, _dialogue(slice).read(slice, sidecars), AGAIN)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return {} if slice.kind == BESIDE else _dialogue(slice).locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """With a question go its attachments, with an answer all else that its turn says, with one alone both; with a space its id."""
    slice = loaded(slice)
    places = []
    for id, (*above, last) in locations(slice).items():
        if id in ids and isinstance(last, str):
            turn = _at(slice.value, above)
            own = [*(_of_question(turn) if last in _QUESTIONS else _of_answer(turn)), *_alone(turn)]
            places += [Place((*above, key)) for key in own if key != last]
    if isinstance(slice.value, dict) and _space(slice.value.get("collection_uuid")) in ids:
        places.append(Place(("collection_uuid",)))
    return places


def _at(value: Json, path: list[str | int]) -> dict[str, Json]:
    for step in path:
        value = value[step]
    return dict(value)


def _alone(turn: dict[str, Json]) -> list[str]:
    """The fields that go with the one message of a turn though they are the other's: it has none."""
    question, answer = _held(turn, _QUESTIONS), _held(turn, _ANSWERS)
    own = [] if question and answer else _of_question(turn) if answer else _of_answer(turn)
    return [] if _is_left({key: turn[key] for key in own}) else own


def _space(uuid: Json) -> str | None:
    id = id_of(uuid)
    return make_id("t", NAME, id) if id else None


def _dialogue(slice: Slice) -> Dialogue:
    return Dialogue(
        NAME,
        _identify,
        partial(_nodes, _TURNS[Kind.of(slice).base], frozenset(slice.flaws.unreal if slice.flaws else ())),
        partial(_head, slice),
        _message,
        known_head=_KNOWN_HEAD,
        known_message=_KNOWN_MESSAGE,
    )


def _identify(slice: Slice) -> Identity:
    """A thread's own id, or the one that its turns give; else that of its first turn; else all that it says."""
    value, key = loaded(slice).value, _TURNS[Kind.of(slice).base]
    turns = [turn for _, turn in _turns(value, key)]
    said = [value, value.get("metadata"), value.get("thread_metadata"), *turns]
    for name in _IDS:
        found = next((id for held in said if isinstance(held, dict) and (id := id_of(held.get(name)))), "")
        if found:
            return Identity(found)
    first = _uuid_of(turns[0]) if turns else None
    if first and _UUID.fullmatch(first):
        return Identity(None, ("first turn", first))
    return Identity(None, (key, Kind.of(slice).mark or mark_of([_title(value), value.get(key)], slice)))


def _mark(slice: Slice) -> str:
    """The mark of a thread that has no id."""
    if not isinstance(slice.value, dict):
        return ""
    key, *said = _identify(slice).words or ("",)
    return said[0] if key in _TURNS.values() else ""


def _title(value: dict[str, Json]) -> Json:
    held = [value, value.get("metadata"), value.get("thread_metadata")]
    return next((title for own in held if isinstance(own, dict) for name in _TITLES if (title := own.get(name))), "")


def _turns(value: dict[str, Json], key: str) -> list[tuple[Path, Json]]:
    """The turns of a thread, each with its place. They stand in an array, or in an object by any names."""
    turns = value.get(key)
    if isinstance(turns, dict):
        return [((key, name), turn) for name, turn in turns.items()]
    return [((key, place), turn) for place, turn in enumerate(turns if isinstance(turns, list) else ())]


def _nodes(key: str, unreal: Set[str], value: Json) -> list[Node]:
    """unreal: the places of what stands as null here but was a number that is none, which is refused by name."""
    nodes = []
    for place, (path, turn) in enumerate(_turns(value, key)):
        if isinstance(turn, dict):
            here = f"{path[0]}[{path[1]}]" if isinstance(path[1], int) else f"{path[0]}.{path[1]}"
            asked, said = (
                [Node((*path, key), None) for key in keys if f"{here}.{key}" in unreal] for keys in (_QUESTIONS, _ANSWERS)
            )
            nodes += [*asked, *_turn(path, turn, 2 * place), *said]
        elif turn is not None:
            nodes.append(Node(path, turn, order=2 * place))
    return nodes


def _turn(path: Path, turn: dict[str, Json], order: int) -> list[Node]:
    """The question and the answer of a turn, each if it is there: null is what an erasure left of one, or what never was."""
    question, answer = _held(turn, _QUESTIONS), _held(turn, _ANSWERS)
    uuid = _uuid_of(turn)
    both = {key: held for key, held in turn.items() if key in _OF_BOTH}
    asked, said = ({key: turn[key] for key in own(turn)} for own in (_of_question, _of_answer))
    if not question and not answer:
        return [] if _is_left(asked) and _is_left(said) else [Node(path, turn, order=order)]
    nodes = []
    if question:
        rest = {} if answer or _is_left(said) else _said(said)
        nodes.append(Node((*path, question), both | asked | rest, key=[uuid, "question"] if uuid else None, order=order))
    if answer:
        rest = {} if question or _is_left(asked) else _said(asked)
        nodes.append(Node((*path, answer), both | said | rest, key=[uuid, "answer"] if uuid else None, order=order + 1))
    return nodes


def _said(own: dict[str, Json]) -> dict[str, Json]:
    return {key: held for key, held in own.items() if held is not None}


def _uuid_of(turn: Json) -> str | None:
    return next((id for key in _UUIDS if (id := id_of(turn.get(key)))), None) if isinstance(turn, dict) else None


def _held(turn: dict[str, Json], keys: tuple[str, ...]) -> str:
    """The first of these fields that says something; "" if none does."""
    return next((key for key in keys if turn.get(key) not in (None, "", [])), "")


def _is_left(own: dict[str, Json]) -> bool:
    """Whether fields of a turn say no more than what an erasure leaves of them: null, or what has room for no null."""
    return all(held in (None, "", 0, [], {}) and held is not False for held in own.values())


def _of_question(turn: dict[str, Json]) -> list[str]:
    return [key for key in turn if key in _OF_QUESTION]


def _of_answer(turn: dict[str, Json]) -> list[str]:
    return [key for key in turn if key not in _OF_QUESTION and key not in _OF_BOTH]


def _beside(turn: Json) -> dict[str, Json]:
    """What a turn says that no message has: of one without question and answer all, of another what is beside one that is null."""
    if not isinstance(turn, dict) or not turn:
        return {}
    question, answer = _held(turn, _QUESTIONS), _held(turn, _ANSWERS)
    own = [*([] if question else _of_question(turn)), *([] if answer else _of_answer(turn))]
    left = _said({key: turn[key] for key in own})
    if not _is_left(left):
        return {}
    return left if question or answer else _said(turn)


def _head(slice: Slice, fields: Fields, desk: Desk) -> Head:
    kind, value = Kind.of(slice).base, loaded(slice).value
    key = _TURNS[kind]
    turns = [turn for _, turn in _turns(value, key)]
    if turns or not value.get(key):
        fields.left.pop(key, None)
    else:
        reason = f"its turns are not an array but {name_type(value[key])}"
        desk.problems.append(Problem("message", slice.path, f"{slice.where}.{key}".removeprefix("."), reason))
    extra: dict[str, Json] = {}
    if beside := [left for turn in turns if (left := _beside(turn))]:
        note(extra, "without message", beside)
    own = fields if kind == "conversation" else fields.inner("metadata") or fields.inner("thread_metadata")
    if own is None:
        return Head(extra=extra)
    for name in _IDS:
        id = id_of(own.left.get(name))
        if id is None or make_id("c", NAME, id) == desk.conversation:
            own.identifier(name)
    if project := _space(own.left.get("collection_uuid")):
        desk.topics.append(Topic(project, "project", provider=NAME, provider_id=own.identifier("collection_uuid")))
    title = own.text(*_TITLES)
    created, updated = (own.time(key if key in own.left else f"thread_{key}") for key in ("created_at", "updated_at"))
    fields.tidy("metadata", "thread_metadata")
    return Head(title, created, updated, project=project, extra=extra)


# --- messages ---------------------------------------------------------------------------------------------------------


def _message(fields: Fields, desk: Desk) -> Draft:
    time = fields.time(next((key for key in _TIMES if key in fields.left), ""))
    updated = fields.updated(next((key for key in _UPDATED if key in fields.left), ""))
    question, answer = _held(fields.left, _QUESTIONS), _held(fields.left, _ANSWERS)
    if question or not answer:
        parts: list[Part] = _words(question, fields) if question else []
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


def _words(key: str, fields: Fields) -> list[Part]:
    """What a field says that ought to be a string."""
    words = fields.text(key)
    return [Text(words)] if words else [Opaque(key, fields.left.pop(key))] if key in fields.left else []


def _answer(key: str, fields: Fields, desk: Desk) -> list[Part]:
    if key == "text":
        return _steps(fields.left.get(key))
    if key == "answer" or not isinstance(fields.left[key], list):
        return _words(key, fields)
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
