"""What is indexed of a record: its units, and the words of each.

A run must be a function of its pack alone: to erase a unit's words the index derives them again from the superseded pack.
So a conversation's header holds its title but not the name of its project, which stands in another pack (the project's own
run has it, and the layout links the two by id). Whatever changes here changes `schema.VERSION`: the index is then remade.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from souviens.canon import Instant
from souviens.index.traits import traits_of
from souviens.records import ROLES, Conversation, Memory, Message, Topic, spoken
from souviens.vault.store import Kind, Packed

CUT = 1_000_000  # characters of one unit that are indexed
HEADER, STATEMENT, OTHER = 16, 17, 31  # beside the place of a role in ROLES: a title, a memory or document, a role we do not know
SILENT = 128  # added to the role of a unit without words
PIECE, PIECES, TAIL = 1_000, 4, 200  # characters (some 200 words), pieces of one unit, characters of the turn before


class Unit(NamedTuple):
    """role: its place in ROLES, or one of the above. time: microseconds UTC, None if unknown. speaker: a name, or the role.
    text: "" if not indexed. traits: see `traits`; 0 for what no person said. name: of the person who spoke, "" if none is given."""

    role: int
    time: int | None
    speaker: str
    text: str
    traits: int = 0
    name: str = ""


class Run(NamedTuple):
    """The units of one pack, and the keys a Scope asks for. cut: how many texts were too long."""

    kind: Kind
    id: str
    provider: str
    project: str | None
    sensitivity: int | None
    created: int | None
    updated: int | None
    units: list[Unit]
    cut: int


def run_of(record: Packed) -> Run:
    if isinstance(record, Conversation):
        return _conversation(record)
    return _memory(record) if isinstance(record, Memory) else _topic(record)


def _run(
    kind: Kind,
    record: Packed,
    project: str | None,
    sensitivity: int | None,
    created: Instant,
    updated: Instant | None,
    units: list[Unit],
) -> Run:
    cut = sum(len(unit.text) > CUT for unit in units)
    if cut:
        units = [unit._replace(text=unit.text[:CUT]) for unit in units]
    times = [unit.time for unit in units if unit.time is not None]
    changed = updated.us if updated is not None and updated.us is not None else max(times, default=created.us)
    return Run(kind, record.id, record.provider, project, sensitivity, created.us, changed, units, cut)


def _conversation(conversation: Conversation) -> Run:
    head = conversation.head
    units = [Unit(HEADER, head.created.us, "", head.title), *map(_message, conversation.messages)]
    return _run("conversation", conversation, head.project, None, head.created, head.updated, units)


def _message(message: Message) -> Unit:
    role = ROLES.index(message.role) if message.role in ROLES else OTHER
    text = spoken(message) if message.visibility == "visible" else ""
    person = message.role == "user" and bool(text)
    traits = traits_of(text) if person else 0
    # The speaker's name goes into the indexed text, not the stored one: questions name people.
    text = f"{message.author}: {text}" if message.author and text else text
    name = " ".join((message.author or "").split()) if person else ""
    return Unit(role, message.time.us, message.author or message.role, text, traits, name)


def _memory(memory: Memory) -> Run:
    units = [Unit(STATEMENT, memory.created.us, "", memory.wording)]
    return _run("memory", memory, memory.topic, memory.sensitivity, memory.created, memory.updated, units)


def _topic(topic: Topic) -> Run:
    about = "\n".join(filter(None, (topic.name, topic.summary, topic.instructions)))
    documents = (Unit(STATEMENT, d.created.us, d.name, f"{d.name}\n{d.text}") for d in topic.documents)
    units = [Unit(HEADER, topic.created.us, "", about), *documents]
    return _run("topic", topic, topic.id, None, topic.created, topic.updated, units)


def pieces(run: Run) -> Iterator[tuple[int, str]]:
    """(ordinal, text) for the encoder: of a turn, the tail of the turn before and "Name: text"; a long one in a few pieces.

    The window lifts recall by vectors alone from 42 to 46 of 100 turns (measured on LoCoMo). Of what is longer than `PIECES`, its
    beginning and its end are taken.
    """
    before = ""
    for ordinal, unit in enumerate(run.units):
        if not unit.text.strip():
            continue
        # An author stands in front of the text already.
        named = (
            f"{unit.speaker}: {unit.text}"
            if unit.role in range(len(ROLES)) and not unit.text.startswith(unit.speaker)
            else unit.text
        )
        parts = list(_parts(named))
        if len(parts) > PIECES:
            parts = [*parts[: PIECES - 1], parts[-1]]
        yield from ((ordinal, f"{before}\n{part}" if before and not n else part) for n, part in enumerate(parts))
        before = unit.text[-TAIL:] if unit.role != HEADER else ""


def _parts(text: str) -> Iterator[str]:
    """Parts of about `PIECE` characters, cut at white space where there is some in the last fifth."""
    start = 0
    while start < len(text):
        end = start + PIECE
        if end < len(text):
            space = max(text.rfind(" ", end - PIECE // 5, end), text.rfind("\n", end - PIECE // 5, end))
            end = space if space > start else end
        yield text[start:end]
        start = end
