"""Gemini in Workspace (the side panels of Gmail, Docs and Sheets): one JSON document for each conversation, named .txt.

A conversation is a list of turns, each either a `user_turn` with a prompt or a `system_turn` with text, cards, thoughts, citations
and the names of pictures. It has no id; `turn_index` counts both kinds and repeats where a turn was edited or made again, without
saying which of them an answer belongs to: so the order of the file is the chain.
"""

from __future__ import annotations

from souviens.formats._carving import AGAIN, Kind, beginnings, mark_of, told_again
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, list_nodes, loaded
from souviens.formats._fields import Fields
from souviens.jsonspan import Slice
from souviens.records import Citation, Head, Json, Opaque, Part, Reading, Reasoning, Text

TURNS = "conversation_turns"


def is_conversation(value: Json) -> bool:
    """Whether an object is such a conversation."""
    turns = value.get(TURNS) if isinstance(value, dict) else None
    if not isinstance(turns, list):
        return False
    return not turns or any(isinstance(turn, dict) and ("user_turn" in turn or "system_turn" in turn) for turn in turns)


def _identify(slice: Slice) -> Identity:
    value = loaded(slice).value
    title, created = (value[key] if isinstance(value.get(key), str) else "" for key in ("title", "creation_time"))
    return Identity(None, ("workspace", title, created or Kind.of(slice).mark or beginnings(slice.data, TURNS)))


def mark(slice: Slice) -> str:
    """The mark of a conversation that says no time of its own. The first reader gave none."""
    value = slice.value
    if not isinstance(value, dict) or (isinstance(value.get("creation_time"), str) and value["creation_time"]):
        return ""
    return mark_of([value.get("title"), value.get(TURNS)], slice)


def read(slice: Slice, sidecars: Json) -> Reading:
    """The conversation of a slice."""
    return told_again(slice, CONVERSATIONS.read(slice, sidecars), AGAIN)


def _nodes(value: Json) -> list[Node]:
    return list_nodes(value.get(TURNS), TURNS)


def _head(fields: Fields, desk: Desk) -> Head:
    return Head(fields.text("title"), fields.time("creation_time"), fields.time("last_modification_time"))


def _message(fields: Fields, desk: Desk) -> Draft:
    said, answered = fields.inner("user_turn"), fields.inner("system_turn")
    turn = said or answered or Fields({})
    time = turn.time("turn_last_modified")
    parts: list[Part] = []
    if said is not None and (words := said.text("prompt")):
        parts.append(Text(words))
    if answered is not None:
        parts += [_thought(thought) for thought in answered.items("model_thoughts")]
        parts += [part for item in answered.items("text") for part in _text(item, desk)]
        parts += [_citation(citation) for citation in answered.items("citations")]
        parts += [_image(image, desk) for image in answered.items("images")]
    fields.tidy("user_turn", "system_turn")
    return Draft("user" if said is not None else "assistant" if answered is not None else "", time, parts)


def _thought(value: Json) -> Part:
    if not isinstance(value, dict) or not isinstance(value.get("description"), str):
        return Opaque("model_thought", value)
    fields = Fields(value)
    return Reasoning(fields.text("description"), fields.text("headline"), fields.left)


def _text(value: Json, desk: Desk) -> list[Part]:
    """A piece of an answer: its words, or cards that hold them."""
    fields = Fields(value) if isinstance(value, dict) else Fields({})
    parts: list[Part] = []
    if words := fields.text("data"):
        parts.append(Text(words))
    for card in fields.items("cards"):
        inner = Fields(card) if isinstance(card, dict) else Fields({})
        words = inner.text("content")
        parts.append(Text(words, extra=inner.left) if words else Opaque("card", card))
    if not parts:
        desk.unknown.note(f"{TURNS}.system_turn.text")
        return [Opaque("text", value)]
    return [*parts, *([Opaque("text", fields.left)] if fields.left else [])]


def _citation(value: Json) -> Part:
    if not isinstance(value, dict):
        return Opaque("citation", value)
    fields = Fields(value)
    return Citation(fields.text("url"), fields.text("display_text"), extra=fields.left)


def _image(value: Json, desk: Desk) -> Part:
    if not isinstance(value, str) or not value:
        return Opaque("image", value)
    return desk.attach(value, "image", name=value)


CONVERSATIONS = Dialogue(
    "gemini",
    _identify,
    _nodes,
    _head,
    _message,
    known_message=frozenset({"user_turn", "system_turn"}),
)
