"""Merge: set union plus re-derivation, so that no order of imports matters and a thinner export never removes.

    merge(a, a) == a      merge(a, b) == merge(b, a)      merge(merge(a, b), c) == merge(a, merge(b, c))

Between versions of one message the provider's update time wins, then the richer, then the hash: never the order of import.
Those that lose are kept beside the winner (`older`, `versions`), so that the next merge sees everything this one saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from souviens.canon import ABSENT, Instant, canonical
from souviens.records import Attachment, Conversation, Document, Head, Memory, Message, Topic

_T = TypeVar("_T")
_S = TypeVar("_S", bound=Memory | Topic)
Packed: TypeAlias = Conversation | Memory | Topic


_NEVER = 1 << 62  # past every instant there is, in microseconds


def _moment(instant: Instant | None) -> int:
    """For ranking versions: an unknown update time loses to any known one."""
    return instant.us if instant is not None and instant.us is not None else -_NEVER


def _message_rank(message: Message) -> tuple[int, int, str, str]:
    richness = len(canonical((message.parts, message.extra, message.model, message.author)))
    return _moment(message.updated), richness, message.hash, message.parent or ""


def _rank(record: Head | Memory | Topic) -> tuple[int, int, bytes]:
    data = canonical(record)
    return _moment(record.updated), len(data), data


def _attachment_rank(attachment: Attachment) -> tuple[bool, int, bytes]:
    # One with bytes beats one without; then the one that says more; then any fixed order.
    data = canonical(attachment)
    return attachment.blob is not None, len(data), data


def _document_rank(document: Document) -> tuple[int, int, int, bytes]:
    data = canonical(document)
    return _moment(document.updated), _moment(document.created), len(data), data


def _unique(items: Iterable[_T]) -> tuple[_T, ...]:
    """Each value once, in canonical order: a set, written the same way whoever merged first."""
    return tuple(value for _, value in sorted({canonical(item): item for item in items}.items()))


def _group(items: Iterable[_T], key: str) -> dict[str, list[_T]]:
    groups: dict[str, list[_T]] = {}
    for item in items:
        groups.setdefault(getattr(item, key), []).append(item)
    return groups


def arranged(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Messages depth-first from their roots, siblings by order, then time, then id: an order that the set itself decides.

    Orphans count as roots. Messages on a cycle come last, by time and id.
    """
    by_id = {message.id: message for message in messages}
    children: dict[str, list[Message]] = {}
    roots: list[Message] = []
    for message in by_id.values():
        if message.parent in by_id:
            children.setdefault(message.parent, []).append(message)
        else:
            roots.append(message)

    def rank(message: Message) -> tuple[int, int, str]:
        return message.order, message.time.us if message.time.us is not None else _NEVER, message.id

    stack = sorted(roots, key=rank, reverse=True)
    out: list[Message] = []
    while stack:
        message = stack.pop()
        out.append(message)
        kids = children.get(message.id)
        if kids:
            stack += sorted(kids, key=rank, reverse=True) if len(kids) > 1 else kids
    if len(out) < len(by_id):
        reached = {message.id for message in out}
        out += sorted((m for m in by_id.values() if m.id not in reached), key=lambda m: (rank(m)[1], m.id))
    return tuple(out)


def merge(a: Conversation, b: Conversation) -> Conversation:
    """Two readings of one conversation as one; both must have the same id and be `arranged`."""
    winners, older = [], []
    for versions in _group((*a.messages, *a.older, *b.messages, *b.older), "id").values():
        distinct = list({(m.hash, m.parent or ""): m for m in versions}.values())
        if len(distinct) > 1:
            distinct.sort(key=_message_rank)
        winners.append(distinct[-1])
        older += distinct[:-1]
    heads = _telling(sorted(_unique((a.head, *a.older_heads, b.head, *b.older_heads)), key=_rank))
    attachments = _group((*a.attachments, *b.attachments), "id")
    return Conversation(
        id=a.id,
        provider=a.provider,
        provider_id=a.provider_id,
        head=heads[-1],
        messages=arranged(winners),
        attachments=tuple(max(attachments[id], key=_attachment_rank) for id in sorted(attachments)),
        origins=_unique((*a.origins, *b.origins)),
        older=tuple(sorted(older, key=lambda m: (m.id, m.hash, m.parent or ""))),
        older_heads=tuple(heads[:-1]),
    )


def _telling(heads: list[Head]) -> list[Head]:
    """Without those that say nothing another does not say. Which stay is decided by the set, so order does not matter."""
    if len(heads) < 2:
        return heads
    return [head for head in heads if not any(_says_all_of(other, head) for other in heads if other is not head)]


def _says_all_of(one: Head, other: Head) -> bool:
    """Whether `one` says all that `other` says, and more."""
    return one != other and _holds(one, other)


def _holds(one: Head | Memory | Topic, other: Head | Memory | Topic, aside: Sequence[str] = ()) -> bool:
    """Whether every field of `other` that is not at its default stands in `one` as well, but for those set aside."""
    fields = [field for field in msgspec.structs.fields(type(other)) if field.name not in ("extra", *aside)]
    same = all(getattr(other, field.name) in (field.default, getattr(one, field.name)) for field in fields)
    # In canonical form, for to Python 1 is True.
    return same and all(key in one.extra and canonical(one.extra[key]) == canonical(value) for key, value in other.extra.items())


# Hundreds of conversations repeat a memory, each at its own time: that alone is no other version of it.
_TIMES = ("created", "updated")


def _ranked(records: Iterable[_S], *united: str) -> list[_S]:
    """The versions of one record, without the lists that are united, by rank: the last is the record. Only those that say
    something which no version says that is as new. Which these are is decided by the set, so order does not matter."""
    bare = dict.fromkeys((*united, "versions"), ())
    told: dict[bytes, _S] = {}
    for version in sorted((msgspec.structs.replace(record, **bare) for record in records), key=_rank):
        told[canonical(msgspec.structs.replace(version, created=ABSENT, updated=None))] = version
    found = sorted(told.values(), key=_rank)
    return [record for record in found if not any(_surpasses(other, record) for other in found if other is not record)]


def _surpasses(one: _S, other: _S) -> bool:
    return _moment(one.updated) >= _moment(other.updated) and _holds(one, other, _TIMES)


def merge_memories(versions: Sequence[Memory]) -> Memory:
    """All readings of one memory as one: the newest or richest wording, all evidence, every verdict, and what else was said."""
    *beside, best = _ranked((v for m in versions for v in (m, *m.versions)), "evidence", "origins", "verdicts", "older")
    verdicts = _unique(verdict for m in versions for verdict in m.verdicts)
    wordings = {text for m in versions for text in (m.text, *m.older)}
    return msgspec.structs.replace(
        best,
        evidence=_unique(evidence for m in versions for evidence in m.evidence),
        origins=_unique(origin for m in versions for origin in m.origins),
        verdicts=tuple(sorted(verdicts, key=lambda v: (v.serial, v.time.us or 0, canonical(v)))),
        older=tuple(sorted(wordings - {best.text})),
        versions=tuple(beside),
    )


def merge_topics(versions: Sequence[Topic]) -> Topic:
    """All readings of one topic as one: the newest or richest description and what else was said, every document any has in its
    newest or richest version, and what those replaced. Versions of a document that differ in their update time only are one."""
    by_id: dict[str, dict[bytes, Document]] = {}
    for document in sorted((d for t in versions for d in (*t.documents, *t.older)), key=_document_rank):
        held = by_id.setdefault(document.provider_id or document.name, {})
        said = canonical(msgspec.structs.replace(document, updated=None))
        held.pop(said, None)
        held[said] = document
    ranked = [tuple(by_id[key].values()) for key in sorted(by_id)]
    *beside, best = _ranked((v for t in versions for v in (t, *t.versions)), "documents", "origins", "older")
    return msgspec.structs.replace(
        best,
        documents=tuple(held[-1] for held in ranked),
        origins=_unique(origin for t in versions for origin in t.origins),
        older=tuple(document for held in ranked for document in held[:-1]),
        versions=tuple(beside),
    )


def merged_records(a: Packed, b: Packed) -> Packed:
    """Two versions of one record, of whatever kind, as one."""
    if isinstance(a, Conversation) and isinstance(b, Conversation):
        return merge(a, b)
    if isinstance(a, Memory) and isinstance(b, Memory):
        return merge_memories([a, b])
    assert isinstance(a, Topic) and isinstance(b, Topic), "two records of one id are of one kind"
    return merge_topics([a, b])
