"""What the pages of the bundle say, as records."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec.structs import replace

from souviens.canon import ABSENT, Instant, make_id, utc
from souviens.formats._content import digest_of
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, refused
from souviens.formats._fields import Fields, Unknown
from souviens.formats.markdown.pages import Page, line_of, parsed
from souviens.jsonspan import Flaws, Slice
from souviens.records import Document, Evidence, Extra, Head, Json, Memory, Opaque, Part, Problem, Reading, Text, Topic, Visibility

_PROVIDER = "markdown"


def page_value(slice: Slice) -> tuple[dict[str, Json], Page]:
    """A page as JSON, without what only says how the bundle lies on the disk, and taken apart."""
    page = parsed(slice.data)
    front = {name: value for name, value in page.front.items() if name not in ("bundle", "part", "after")}
    said = {item["model"] for item in page.items if item and item.get("model")}
    said |= {item["mark"]["model"] for item in page.items if item and isinstance(item["mark"].get("model"), str)}
    if isinstance(models := front.get("models"), list) and all(isinstance(model, str) and model in said for model in models):
        del front["models"]
    title = "Memories" if slice.kind == "memories" else front.get("title")
    heading = f"# {line_of(title if isinstance(title, str) else '') or 'Untitled'}"
    between = [line for line in page.between if line != heading]
    value: dict[str, Json] = {"front": front, "messages": page.items, "attachments": page.attachments, "between": between}
    return value, page


def said(slice: Slice) -> Json:
    """What a page says that its records have to say too: links by ids are their graph, only headings of messages are read."""
    value, page = page_value(slice)
    for name in ("project_id", "parent", *(("id",) if slice.kind == "memories" else ())):
        value["front"].pop(name, None)
    if slice.kind != "conversation":
        value["messages"] = [item and {"id": item["id"], "mark": item["mark"], "parts": item["parts"]} for item in page.items]
    for item in filter(None, page.items):
        for name in ("parent", "topic"):
            item["mark"].pop(name, None)
        for part in item["parts"]:
            for named in _listed(part.get("evidence")):
                for name in ("conversation", "message"):
                    named.pop(name, None)
            part.pop("type", None)
    return value


# --- conversations ------------------------------------------------------------------------------------------------------


def as_json(slice: Slice) -> tuple[Slice, Page]:
    """A page as a slice of JSON."""
    value, page = page_value(slice)
    value["after"] = page.front.get("after")
    return Slice(slice.kind, slice.path, slice.where, slice.data, value, Flaws()), page


def _identify(slice: Slice) -> Identity:
    id = slice.value["front"].get("id")
    return Identity(id if isinstance(id, str) and id else None)


def _nodes(value: Json) -> list[Node]:
    """A message hangs from the one before it, unless its mark says from where."""
    nodes: list[Node] = []
    after = value.get("after")
    before: str | int | None = after if isinstance(after, str) and after else None
    for place, item in enumerate(value["messages"]):
        mark = item["mark"] if item else {}
        parent = mark["parent"] if _is_parent(mark) else before
        order = next((n for n in (mark.get("order"), item and item.get("number")) if _is_rank(n)), None)
        nodes.append(Node(("messages", place), item, item["id"] if item else None, parent or None, order))
        before = (item and item["id"]) or place
    return nodes


def _is_parent(mark: dict[str, Json]) -> bool:
    return isinstance(mark.get("parent", 0), str | None)


def _is_rank(value: Json) -> bool:
    return type(value) is int and abs(value) < _LARGEST_RANK


_LARGEST_RANK = 1 << 53


def _head(fields: Fields, desk: Desk) -> Head:
    front = fields.inner("front") or Fields({})
    fields.left.pop("after", None)
    for item in fields.items("attachments"):
        _file(item, desk)
    fields.tidy("between", "messages")
    if isinstance(front.left.get("id"), str):
        del front.left["id"]
    title, tip, project = front.text("title"), front.optional("tip"), front.optional("project_id")
    created, updated, model = front.time("created"), front.time("updated"), front.optional("model")
    front.drop("models", [], None)
    left = {name: value for name, value in fields.left.pop("front", {}).items() if value is not None}
    return Head(
        title,
        created,
        updated,
        tip=desk.message(tip) if tip else None,
        project=make_id("t", _PROVIDER, project) if project else None,
        model=model,
        extra=left,
    )


def _message(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("id")
    mark = fields.inner("mark") or Fields({})
    parts = [_part(part, desk) for part in fields.items("parts")]
    fields.left.pop("number", None)
    if _is_parent(mark.left):
        del mark.left["parent"]
    if _is_rank(mark.left.get("order")):
        del mark.left["order"]
    if "author" in mark.left and "model" in mark.left:  # the heading cannot say them, and was not to
        fields.left.pop("heading", None)
    told: dict[str, Json] = {}
    for name in ("role", "author", "model", "visibility"):
        told[name] = fields.left.pop(name, None)
        if name in mark.left and isinstance(mark.left[name], str | None):  # who reads sees the heading, which has it on one line
            told[name] = mark.left.pop(name)
    time, updated = fields.time("time"), fields.updated("updated")
    fields.tidy("mark")
    seen = told["visibility"]
    return Draft(
        told["role"] or "",
        time,
        parts,
        author=told["author"],
        model=told["model"],
        updated=updated,
        visibility=cast(Visibility, seen) if seen in ("hidden", "placeholder") else "visible",
    )


def _part(told: dict[str, Json], desk: Desk) -> Part:
    if told.get("type") == "file":
        return _file(told, desk)
    try:
        part = cast(Part, msgspec.convert(told, Part))
    except msgspec.ValidationError:
        text = told.get("text")
        return Text(text, extra={**told, "text": ""}) if isinstance(text, str) else Opaque(str(told.get("type", "")), told)
    left = {name: value for name, value in told.items() if name not in ("type", *part.__struct_fields__)}
    if isinstance(part, Opaque):
        return Opaque(part.kind, {**left, "value": part.value}) if left else part
    return replace(part, extra=part.extra | left) if left else part


def _file(value: Json, desk: Desk) -> Part:
    """A file that our writer named; there are no bytes of it."""
    said = Fields(value if isinstance(value, dict) else {})
    said.text("type")
    pointer, name = said.text("pointer"), said.text("name")
    part = desk.attach(
        pointer or digest_of(value),
        said.text("media") or "file",
        name=name,
        media_type=said.text("media_type"),
        size=said.number("size"),
        extra={name: value for name, value in said.left.items() if value is not None},
    )
    return replace(part, pointer=pointer)


CONVERSATIONS = Dialogue(
    _PROVIDER,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset({"between", "models", "provider", "provider_id", "project"}),
    known_message=frozenset({"heading"}),
    in_pieces=True,
)


# --- projects -------------------------------------------------------------------------------------------------------------


def project(slice: Slice) -> Reading:
    """A project: its summary, instructions and documents, and whatever else stands in its page."""
    value, unknown_ = page_value(slice)[0], Unknown()
    front = Fields(value["front"])
    id = front.optional("id")
    if id is None:
        return refused(slice, "names no project", "source")
    name, parent = front.text("name"), front.optional("parent")
    parts = [part for item in value["messages"] if item for part in item["parts"]]
    told = {kind: next((part["text"] for part in parts if part.get("type") == kind), "") for kind in ("summary", "instructions")}
    other = [part for part in parts if part.get("type") not in ("summary", "instructions", "document")]
    extra: Extra = {"between": [*value["between"], *other]} if value["between"] or other else {}
    own = Topic(
        id=make_id("t", _PROVIDER, id),
        kind=front.text("kind") or "project",
        name=name,
        provider=_PROVIDER,
        provider_id=id,
        parent=make_id("t", _PROVIDER, parent) if parent else None,
        summary=told["summary"],
        instructions=told["instructions"],
        documents=tuple(_document(part) for part in parts if part.get("type") == "document"),
        extra=extra | front.rest(frozenset({"provider", "provider_id"}), "", unknown_),
    )
    return Reading(topics=(own,), unknown=unknown_)


def _document(part: dict[str, Json]) -> Document:
    said = Fields(part)
    said.text("type")
    return Document(said.text("name"), said.text("text"), said.optional("provider_id"), extra=said.left)


# --- memories -------------------------------------------------------------------------------------------------------------


def memories(slice: Slice) -> Reading:
    """Every memory of a page. Words that belong to none are refused by name."""
    value, page = page_value(slice)
    unknown_ = Unknown()
    found, problems = [], []
    for item in filter(None, page.items):
        where = f"{slice.where}{item['id']}"
        made = _memory(item, unknown_)
        if made is None:
            problems.append(Problem("memory", slice.path, where, "holds no text"))
        else:
            found.append(made)
    if value["between"]:
        problems.append(Problem("source", slice.path, slice.where or "between", "words that belong to no memory"))
    return Reading(memories=tuple(found), problems=tuple(problems), unknown=unknown_)


def memory_ids(slice: Slice) -> dict[str, tuple[int, int]]:
    """Where each memory stands, in bytes."""
    page = parsed(slice.data)
    items = [(item, span) for item, span in zip(page.items, page.spans, strict=True) if item]
    return {memory.id: span for item, span in items if (memory := _memory(item, Unknown())) is not None}


def _memory(item: dict[str, Json], unknown_: Unknown) -> Memory | None:
    id, mark = item["id"], Fields(item["mark"])
    texts = [part["text"] for part in item["parts"] if part.get("type") == "text"]
    evidence = [named for part in item["parts"] if part.get("type") == "evidence" for named in _listed(part.get("evidence"))]
    if not "".join(texts).strip():
        return None
    kind, topic = mark.text("kind") or "fact", mark.optional("topic")
    other = [part for part in item["parts"] if part.get("type") not in ("text", "evidence")]
    times = {name: _told(mark, name) for name in ("created", "updated", "valid_from", "valid_to")}
    return Memory(
        id=make_id("y", _PROVIDER, kind, id or "\n\n".join(texts)),
        kind=kind,
        text="\n\n".join(texts),
        authority="imported",
        provider=_PROVIDER,
        provider_id=id,
        evidence=tuple(map(_evidence, evidence)),
        created=times["created"] or ABSENT,
        updated=times["updated"],
        valid_from=times["valid_from"],
        valid_to=times["valid_to"],
        topic=make_id("t", _PROVIDER, topic) if topic else None,
        extra=({"parts": other} if other else {}) | mark.rest(frozenset(), "", unknown_),
    )


def _told(fields: Fields, name: str) -> Instant | None:
    """A time as our writer laid it down, whole."""
    try:
        found = msgspec.convert(fields.left[name], Instant)
        utc(found.us)
    except (KeyError, msgspec.ValidationError, OverflowError):
        return None
    del fields.left[name]
    return ABSENT if found == ABSENT else found


def _listed(value: Json) -> list[dict[str, Json]]:
    return [named for named in value if isinstance(named, dict)] if isinstance(value, list) else []


def _evidence(item: dict[str, Json]) -> Evidence:
    said = Fields(item)
    conversation, message = said.optional("conversation"), said.optional("message")
    id = make_id("c", _PROVIDER, conversation) if conversation else None
    place = make_id("m", id, message) if id and message else None
    return Evidence(id, place, None, said.number("start"), said.number("end"), said.optional("quote_hash"))
