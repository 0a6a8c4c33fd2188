"""Memories of the store, and the projects that our own writer lays beside it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from souviens.canon import ABSENT, Instant, make_id, unknown
from souviens.formats._fields import Fields, Unknown
from souviens.formats._statements import NO_WORDS
from souviens.formats.pam.conversations import marked, own_extra, stamped, untidied
from souviens.jsonspan import decode
from souviens.records import Document, Evidence, Json, Memory, Topic

# PAM's types that have a kind of ours. What is not "identity" by another name keeps its own word in `extra`.
_KINDS = {"identity": "profile", "context": "fact", "environment": "fact", "goal": "project"}
_OVER = ("superseded", "retracted")  # it holds no longer; since when is not said
_KNOWN = frozenset({"type", "custom_type", "status", "content_hash", "summary", "tags", "confidence", "temporal", "provenance"})
_KNOWN |= {"access", "embedding_ref", "metadata"}


def memory(fields: Fields, unknown_: Unknown, sidecars: Json) -> Memory | str:
    """A memory with the relations that start from it. The store's own words for status, confidence, provenance and access stay
    in `extra`: who said a thing is for the person to say, not for the file."""
    text, id = fields.text("content"), fields.identifier("id")
    if not text:
        return NO_WORDS
    mark = marked(fields, "metadata")
    kind = mark.text("kind") or _kind(fields)
    temporal = fields.inner("temporal") or Fields({})
    created = stamped(temporal.time("created_at"), mark, "created_at")
    updated, valid_from, valid_to = (_time(temporal, mark, key) for key in ("updated_at", "valid_from", "valid_until"))
    if valid_to is None and fields.left.get("status") in _OVER:
        valid_to = ABSENT
    temporal.drop("superseded_by", None)
    fields.tidy("temporal")
    evidence = _evidence(fields, mark)
    older = tuple(text for text in mark.items("older") if isinstance(text, str))
    topic, weight = mark.optional("topic"), _number(mark.left.pop("weight", None))
    if isinstance(mark.left.get("extra"), str):  # what the store's checksum covers has to be plain
        mark.left["extra"] = _decoded(mark.left["extra"])
    extra = own_extra(mark)
    sensitivity = mark.number("sensitivity")
    untidied(fields, "metadata")
    left = fields.rest(_KNOWN, "memories", unknown_)
    if relations := sidecars.get("relations", {}).get(id):
        left["relations"] = relations
    confidence = left.get("confidence")
    # The SDK's converters give one id to several memories: those are told apart by their words.
    words = [id, text] if id in sidecars.get("repeated", ()) else [id or text]
    return Memory(
        id=make_id("y", "pam", kind, *filter(None, words)),
        kind=kind,
        text=text,
        authority="imported",
        provider="pam",
        provider_id=id,
        evidence=evidence,
        created=created,
        updated=updated,
        valid_from=valid_from,
        valid_to=valid_to,
        belief=_number(confidence.get("current")) if isinstance(confidence, dict) else None,
        weight=weight,
        sensitivity=sensitivity,
        topic=make_id("t", "pam", topic) if topic else None,
        extra={**extra, **left},
        older=older,
    )


def _time(temporal: Fields, mark: Fields, key: str) -> Instant | None:
    """A time that need not be there; a null says that it is not."""
    temporal.drop(key, None)
    if key not in temporal.left and key not in mark.left:
        return None
    return stamped(temporal.time(key), mark, key)


def _kind(fields: Fields) -> str:
    """A kind of ours for PAM's type; the type that says more than the kind does stays."""
    type = fields.left.get("type")
    if not isinstance(type, str) or not type:
        return "fact"
    fields.drop("custom_type", None)
    custom = fields.left.get("custom_type")
    if type == "custom" and isinstance(custom, str) and custom:
        del fields.left["custom_type"]
        return custom
    kind = _KINDS.get(type, type)
    if kind == type or type == "identity":
        del fields.left["type"]
    return kind


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None


def _decoded(text: str) -> Json:
    try:
        return decode(text.encode())[0]
    except ValueError:
        return text


def _evidence(fields: Fields, mark: Fields) -> tuple[Evidence, ...]:
    """The one conversation, and message, that PAM has a place for; or all, as our writer had them."""
    provenance = fields.left.get("provenance")
    told = mark.items("evidence")
    if not told and isinstance(provenance, dict):
        told = [{"conversation": provenance.get("conversation_ref"), "message": provenance.get("message_ref")}]
    found = []
    for item in told:
        said = Fields(item if isinstance(item, dict) else {})
        conversation, message = said.optional("conversation"), said.optional("message")
        if conversation is not None:
            id = make_id("c", "pam", conversation)
            place = make_id("m", id, message) if message else None
            found.append(
                Evidence(id, place, None, said.number("start"), said.number("end"), quote_hash=said.optional("quote_hash"))
            )
    return tuple(found)


def project(fields: Fields, unknown_: Unknown) -> Topic | str:
    """A project as our writer laid it beside the store: PAM has no place for one."""
    id, parent = fields.identifier("id"), fields.optional("parent")
    if id is None:
        return "names no project"
    fields.drop("parent", None)
    documents = _as(fields, "documents", tuple[Document, ...], ())
    created, updated = _as(fields, "created", Instant, unknown("absent")), _as(fields, "updated", Instant, None)
    extra = own_extra(fields)
    return Topic(
        id=make_id("t", "pam", id),
        kind=fields.text("kind") or "project",
        name=fields.text("name"),
        provider="pam",
        provider_id=id,
        parent=make_id("t", "pam", parent) if parent else None,
        summary=fields.text("summary"),
        instructions=fields.text("instructions"),
        documents=documents,
        created=created,
        updated=updated,
        extra={**extra, **fields.rest(frozenset({"provider", "provider_id"}), "projects", unknown_)},
    )


def _as(fields: Fields, key: str, type: Json, otherwise: Json) -> Json:
    """A field that holds records, as such; one that does not is left where it is."""
    if fields.left.get(key) is None:
        fields.left.pop(key, None)
        return otherwise
    try:
        value = msgspec.convert(fields.left[key], type)
    except msgspec.ValidationError:
        return otherwise
    del fields.left[key]
    return value
