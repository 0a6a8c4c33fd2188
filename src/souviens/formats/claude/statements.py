"""What the export states outside of conversations: projects with their instructions and documents, and memories."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from souviens.canon import ABSENT, Instant, make_id, sha256
from souviens.formats import Place
from souviens.formats._fields import NOT_A_NUMBER, NOT_UTF8, Fields, Unknown, name_type, note
from souviens.formats.claude import known
from souviens.jsonspan import Flaws, Slice
from souviens.records import Document, Extra, Json, Memory, Problem, Reading, Topic


def read_project(slice: Slice, sidecars: Json) -> Reading:
    """A project: name, description, instructions and knowledge documents."""
    if reason := _refusal(slice.flaws):
        return Reading(problems=(Problem("source", slice.path, slice.where, reason),))
    fields, unknown = Fields(slice.value), Unknown()
    uuid = fields.optional("uuid")
    documents, others = [], []
    for value in fields.items("docs"):
        if isinstance(value, dict):
            documents.append(_document(Fields(value), unknown))
        else:
            others.append(value)
    if others:  # not documents, whatever they are
        fields.left["docs"] = others
    name, summary, instructions = fields.text("name"), fields.text("description"), fields.text("prompt_template")
    topic = Topic(
        id=make_id("t", "claude", *([uuid] if uuid else ["", name or sha256(slice.data)])),
        kind="project",
        name=name,
        provider="claude",
        provider_id=uuid,
        summary=summary,
        instructions=instructions,
        documents=tuple(documents),
        created=fields.time("created_at"),
        updated=fields.updated("updated_at"),
        extra=_noted(fields.rest(known.PROJECT, "", unknown), slice.flaws),
    )
    return Reading(topics=(topic,), unknown=unknown)


def _document(fields: Fields, unknown: Unknown) -> Document:
    name, text, uuid = fields.text("filename", "file_name"), fields.text("content"), fields.optional("uuid")
    created = fields.time("created_at")
    return Document(name, text, uuid, created, fields.rest(known.DOCUMENT, "docs", unknown))


def read_memories(slice: Slice, sidecars: Json) -> Reading:
    """What Claude remembers: one text about the person, one for each project, and files; or a row of the older export.

    Every memory is what the provider wrote of the person, not what the person said: its authority is "imported". What the
    object holds besides memories is kept with the first of them.
    """
    if reason := _refusal(slice.flaws):
        return Reading(problems=(Problem("memory", slice.path, slice.where, reason),))
    fields, unknown = Fields(slice.value), Unknown()
    if not {"conversations_memory", "project_memories", "memory_files"} & slice.value.keys():
        return _read_row(slice, fields, unknown)
    account = fields.optional("account_uuid")
    person = fields.text("conversations_memory")
    projects, others = _project_texts(fields)
    files = fields.items("memory_files")
    if others:
        fields.left["project_memories"] = others
    beside: Extra = _noted(fields.rest(known.MEMORIES, "", unknown), slice.flaws)
    context: Extra = {"account_uuid": account} if account else {}
    memories = [_memory("profile", person, account, context)] if person else []
    memories += [_memory("project", text, uuid, context, topic=_topic_id(uuid)) for uuid, text in projects.items()]
    problems: list[Problem] = []
    for place, value in enumerate(files):
        if value is None:
            continue  # erased
        memory = _file(Fields(value), context, unknown) if isinstance(value, dict) else None
        if memory is not None and memory.text:
            memories.append(memory)
        else:
            reason = f"not an object but {name_type(value)}" if memory is None else "holds no text"
            problems.append(Problem("memory", slice.path, f"{slice.where}.memory_files[{place}]".lstrip("."), reason))
    if memories:
        memories[0] = replace(memories[0], extra={**beside, **memories[0].extra})
    elif not problems:
        problems.append(Problem("memory", slice.path, slice.where, "holds no memory"))
    topics = tuple(Topic(_topic_id(uuid), "project", provider="claude", provider_id=uuid) for uuid in projects)
    return Reading(memories=tuple(memories), topics=topics, problems=tuple(problems), unknown=unknown)


def places(slice: Slice) -> Iterator[tuple[str, Place]]:
    """(id of a memory or topic, where its words stand) in a slice of statements. A file's path is its identity and stays
    until its memory goes: then the whole file's object does."""
    whole = Place(())
    if slice.kind == "project":
        yield from ((topic.id, whole) for topic in read_project(slice, None).topics)
        return
    fields = Fields(slice.value)
    if not {"conversations_memory", "project_memories", "memory_files"} & slice.value.keys():
        yield from ((memory.id, whole) for memory in _read_row(slice, fields, Unknown()).memories)
        return
    account = fields.optional("account_uuid")
    if person := fields.text("conversations_memory"):
        yield _memory("profile", person, account, {}).id, Place(("conversations_memory",))
    for uuid, text in _project_texts(fields)[0].items():
        yield _memory("project", text, uuid, {}).id, Place(("project_memories", uuid))
    for place, value in enumerate(fields.items("memory_files")):
        if isinstance(value, dict):
            yield _file(Fields(value), {"account_uuid": account} if account else {}, Unknown()).id, Place(("memory_files", place))


def _project_texts(fields: Fields) -> tuple[dict[str, str], dict[str, Json]]:
    """`project_memories` taken: project uuid -> text, and whatever in it is not that."""
    held = fields.left.get("project_memories")
    if not isinstance(held, dict):
        return {}, {}
    del fields.left["project_memories"]
    texts = {uuid: text for uuid, text in held.items() if isinstance(text, str) and text and uuid}
    return texts, {uuid: text for uuid, text in held.items() if uuid not in texts}


def _file(fields: Fields, context: Extra, unknown: Unknown) -> Memory:
    path, text = fields.left.get("path"), fields.text("content")
    key = "/".join(word for word in (context.get("account_uuid"), path) if isinstance(word, str) and word)
    created, updated = fields.time("created_at"), fields.updated("updated_at")
    extra = {**fields.rest(known.MEMORY_FILE, "memory_files", unknown), **context}
    return _memory("profile", text, key or None, extra, created=created, updated=updated)


def _read_row(slice: Slice, fields: Fields, unknown: Unknown) -> Reading:
    """A row of the older export: one statement with a uuid."""
    text, uuid = fields.text("content", "memory", "text"), fields.optional("uuid")
    created, updated = fields.time("created_at"), fields.updated("updated_at")
    project = fields.left.get("project_uuid")
    extra = _noted(fields.rest(known.MEMORY_ROW, "", unknown), slice.flaws)
    if not text:
        return Reading(problems=(Problem("memory", slice.path, slice.where, "holds no text"),), unknown=unknown)
    topic = _topic_id(project) if isinstance(project, str) and project else None
    return Reading(memories=(_memory("fact", text, uuid, extra, created=created, updated=updated, topic=topic),), unknown=unknown)


def _memory(
    kind: str,
    text: str,
    provider_id: str | None,
    extra: Extra,
    *,
    created: Instant = ABSENT,
    updated: Instant | None = None,
    topic: str | None = None,
) -> Memory:
    return Memory(
        id=make_id("y", "claude", kind, provider_id or text),
        kind=kind,
        text=text,
        authority="imported",
        provider="claude",
        provider_id=provider_id,
        created=created,
        updated=updated,
        topic=topic,
        extra=extra,
    )


def _topic_id(uuid: str) -> str:
    return make_id("t", "claude", uuid)


def _refusal(flaws: Flaws | None) -> str:
    if flaws is not None and flaws.unreal:
        return NOT_A_NUMBER
    return NOT_UTF8 if flaws is not None and flaws.bad_utf8 else ""


def _noted(extra: Extra, flaws: Flaws | None) -> Extra:
    if flaws is not None and flaws.surrogates:
        note(extra, "surrogates", [[path, escape] for path, escape in flaws.surrogates])
    if flaws is not None and flaws.duplicates:
        note(extra, "duplicate_keys", [[key, values] for key, values in flaws.duplicates])
    return extra
