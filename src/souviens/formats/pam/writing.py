"""Writing a bundle that the format's own schemas and validator accept, and that our reader reads back whole.

What PAM has no place for stands under a key of ours, MARK, in `raw_metadata` and in a memory's `metadata`, and adds to PAM's own
fields; it never says them again. PAM demands a time everywhere: one that had to be made up is marked as unknown, with the reason.

Specification and SDK hash different bytes (raw JSON there, without nulls and with defaults here), so that neither kind stands in
a memory; nor a number but small ones, since RFC 8785 knows no others. Projects lie beside the store, in a file that PAM ignores.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from decimal import Decimal

import msgspec

from souviens.canon import ABSENT, Instant, rfc3339, utc
from souviens.formats import Chosen, Written
from souviens.formats._writing import Account, dumped, in_memory, in_message, in_topic, leaving, pretty, time_kind, unreferenced
from souviens.records import (
    Attachment,
    Citation,
    Conversation,
    Evidence,
    Extra,
    File,
    Json,
    Memory,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    Uri,
    branch_points,
)

MARK = "souviens"
PROJECTS = "souviens-projects"
CARRIES = (
    "whole conversations with every branch, the active one marked",
    "reasoning, tool calls and results, citations, links, names of attachments",
    "models, authors and times; one that is unknown is marked as such beside the one that PAM demands",
    "memories with their kind, dates, evidence and relations",
    "projects with instructions and documents, and the fields of the provider, for our own reader only",
)
CANNOT = (
    "the bytes of attachments",
    "older versions of a message",
    "who said a memory, and what a person said of it: no file may decide that",
)
_ROLES = ("user", "assistant", "system", "tool")
_TYPES = ("fact", "preference", "skill", "relationship", "instruction", "project")
_RELATIONS = ("supports", "contradicts", "extends", "supersedes", "related_to", "derived_from")
_MEDIA = ("image", "audio", "video", "file")
_PLATFORM = re.compile(r"[a-z0-9_-]{2,32}")
_NO_TIME = "1970-01-01T00:00:00Z"  # where nothing near has a time either
_FIRST = "0001-01-01T00:00:00Z"  # before every time: nothing has to be later than it
_SPACE = re.compile(r"\s+")


def write(chosen: Chosen) -> Written:
    """`memory-store.json`, `conversations/<id>.json`, and `x-souviens/projects.json` if there are projects."""
    account = Account(chosen)
    files: dict[str, bytes] = {}
    ids = {c.id: _message_ids(c) for c in chosen.conversations}
    index = []
    for conversation in chosen.conversations:
        value = _conversation(conversation, ids[conversation.id], account)
        ref = f"conversations/{conversation.id}.json"
        files[ref] = pretty(value).encode()
        index.append(_entry(value, ref))
    kept = [memory for memory in leaving(chosen, account) if _takes(memory, account)]
    memories = [_memory(memory, ids, account) for memory in kept]
    for entry in index:
        entry["derived_memories"] = [m["id"] for m in memories if m["provenance"].get("conversation_ref") == entry["id"]]
    if chosen.topics:
        files["x-souviens/projects.json"] = pretty(_projects(chosen.topics, account)).encode()
    if index or memories or files:
        store = {
            "schema": "portable-ai-memory",
            "schema_version": "1.0",
            "spec_uri": "https://portable-ai-memory.org/spec/v1.0",
            "owner": {"id": "unknown"},
            "memories": memories,
            "relations": _relations(kept),
            "conversations_index": index,
            "integrity": {"canonicalization": "RFC8785", "checksum": _checksum(memories), "total_memories": len(memories)},
            "export_type": "full",
        }
        files = {"memory-store.json": pretty(store).encode(), **files}
    return account.written(
        files,
        {
            "verdict": "only the last wording is written: what a person said of a memory is not taken from a file",
            "older_version": "only the current version is written",
            "evidence": "its memory is not written",
        },
        "not written",
    )


# --- times ------------------------------------------------------------------------------------------------------------


def _stamp(instant: Instant, written: str, mark: dict[str, Json], key: str) -> None:
    """Say in the mark what the written time does not say of an instant."""
    told = rfc3339(written)
    if instant.us is None:
        mark[key] = {"unknown": instant.unknown or "absent"} | ({"given": instant.given} if instant.given is not None else {})
    elif instant != told:
        mark[key] = {"zone": instant.zone} | ({"given": instant.given} if instant.given is not None else {})


def _aside(instant: Instant, mark: dict[str, Json], key: str) -> None:
    """A time that PAM has no place for, or not this one."""
    written = utc(instant.us) or ""
    _stamp(instant, written, mark, key)
    if written:
        mark.setdefault(key, {})["at"] = written


def _later(instant: Instant | None, first: str, temporal: dict[str, str], mark: dict[str, Json], key: str) -> None:
    """A time in its own place; in the mark if it is unknown, or before the first, which the validator refuses."""
    if instant is None or instant == ABSENT:
        return
    written = utc(instant.us)
    if written is None or (rfc3339(first).us or 0) > (instant.us or 0):
        _aside(instant, mark, key)
    else:
        temporal[key] = written
        _stamp(instant, written, mark, key)


class _Clock:
    """Times of one conversation's messages, in the file's order: an unknown one is written as the one before it."""

    def __init__(self, conversation: Conversation) -> None:
        known = [time.us for time in (conversation.head.created, *(m.time for m in conversation.messages)) if time.us is not None]
        self.last = utc(known[0]) if known else None

    def written(self, instant: Instant) -> str:
        self.last = utc(instant.us) or self.last
        return self.last or _NO_TIME


# --- conversations ----------------------------------------------------------------------------------------------------


def _message_ids(conversation: Conversation) -> dict[str, str]:
    """Record id -> id in the file: the provider's own where it is one and the only one, as the SDK writes it."""
    met = Counter(message.provider_id for message in conversation.messages)
    return {m.id: m.provider_id if m.provider_id and met[m.provider_id] == 1 else m.id for m in conversation.messages}


def _platform(provider: str) -> str:
    return provider if _PLATFORM.fullmatch(provider) else "unknown"


def _conversation(conversation: Conversation, ids: dict[str, str], account: Account) -> dict[str, Json]:
    head, mark = conversation.head, dict[str, Json]()
    attachments = {attachment.id: attachment for attachment in conversation.attachments}
    clock = _Clock(conversation)
    created = utc(head.created.us) or clock.last or _NO_TIME
    _stamp(head.created, created, mark, "created_at")
    temporal = {"created_at": created}
    _later(head.updated, created, temporal, mark, "updated_at")
    mark |= {"tip": ids.get(head.tip, head.tip)} if head.tip else {}
    mark |= {"project": head.project} if head.project else {}
    children: dict[str, list[str]] = {}
    for message in conversation.messages:
        if message.parent in ids:
            children.setdefault(message.parent or "", []).append(ids[message.id])
    if len(conversation.messages) > 1 and all(message.parent is None for message in conversation.messages):
        mark["roots"] = True
    if left := unreferenced(conversation):
        mark["attachments"] = [_attachment(attachments[id]) for id in left]
    mark |= {"extra": head.extra} if head.extra else {}
    for kind in ("conversation", time_kind(head.created), time_kind(head.updated)):
        account.carry(kind)
    account.carry("branch_point", len(branch_points(conversation.messages)))
    account.carry("extra_field", len(head.extra))
    account.carry("attachment", len(left))
    provider = {"name": _platform(conversation.provider)}
    return {
        "schema": "portable-ai-memory-conversation",
        "schema_version": "1.0",
        "id": conversation.id,
        "provider": provider | ({"conversation_id": conversation.provider_id} if conversation.provider_id else {}),
        "title": head.title,
        "temporal": temporal,
        "messages": [_message(m, ids, children.get(m.id, []), attachments, clock, account) for m in conversation.messages],
        **({"model": head.model} if head.model else {}),
        "raw_metadata": {MARK: mark} if mark else {},
    }


def _entry(value: dict[str, Json], ref: str) -> dict[str, Json]:
    return {
        "id": value["id"],
        "platform": value["provider"]["name"],
        "title": value["title"],
        "message_count": len(value["messages"]),
        "temporal": value["temporal"],
        "storage": {"type": "file", "ref": ref, "format": "json"},
    }


def _message(
    message: Message,
    ids: dict[str, str],
    children: list[str],
    attachments: dict[str, Attachment],
    clock: _Clock,
    account: Account,
) -> dict[str, Json]:
    mark: dict[str, Json] = {}
    created = clock.written(message.time)
    _stamp(message.time, created, mark, "created_at")
    if message.updated is not None:
        _aside(message.updated, mark, "updated_at")
    if message.role not in _ROLES:
        mark["role"] = message.role
    mark |= {"author": message.author} if message.author is not None else {}
    mark |= {"visibility": message.visibility} if message.visibility != "visible" else {}
    mark |= {"extra": message.extra} if message.extra else {}
    shown = _Shown(message, attachments)
    if shown.told():
        mark["parts"] = shown.order
    for kind, count in in_message(message).items():
        account.carry(kind, count)
    for part in message.parts:
        if isinstance(part, File) and part.attachment in attachments and attachments[part.attachment].blob:
            account.lose("attachment_bytes", "a writer has no bytes; take them out of the vault by their SHA-256")
    return {
        "id": ids[message.id],
        **({"provider_message_id": message.provider_id} if message.provider_id and message.provider_id != ids[message.id] else {}),
        "role": message.role if message.role in _ROLES else "system" if message.role == "developer" else "assistant",
        **shown.fields(),
        "created_at": created,
        **({"parent_id": ids.get(message.parent, message.parent)} if message.parent is not None else {}),
        "children_ids": children,
        **({"model": message.model} if message.model is not None else {}),
        "raw_metadata": {MARK: mark} if mark else {},
    }


# --- parts ------------------------------------------------------------------------------------------------------------


class _Shown:
    """The parts of a message in PAM's fields, and in `order` what those do not say.

    order: for each part its kind, if it is the next of that kind in PAM's fields and that is all; its kind and the rest, if there
    is more to it; all of it, if PAM has no place for it.
    """

    def __init__(self, message: Message, attachments: dict[str, Attachment]) -> None:
        self.attachments = attachments
        self.thought = any(isinstance(p, Reasoning) for p in message.parts) and not any(isinstance(p, Text) for p in message.parts)
        self.content: list[dict[str, Json]] = []
        self.tools: list[dict[str, Json]] = []
        self.files: list[dict[str, Json]] = []
        self.citations: list[dict[str, Json]] = []
        self.order: list[Json] = []
        self._read: list[tuple[int, int]] = []  # where our reader finds each part: the field's rank, the place in it
        for part in message.parts:
            self._add(part)

    def _add(self, part: Part) -> None:
        match part:
            case Text():
                code = {"type": "code", "language": part.language} if part.language else {"type": "text"}
                self._place(0, self.content, {**code, "text": part.text}, part, Text(part.text, part.language))
            case Reasoning() if self.thought:
                self._place(0, self.content, {"type": "text", "text": part.text}, part, Reasoning(part.text))
            case ToolCall() if part.name and (part.arguments is None or isinstance(part.arguments, (dict, str))):
                value = {"name": part.name, "id": part.call, "input": part.arguments}
                self._place(1, self.tools, value, part, ToolCall(part.name, part.arguments, part.call or None))
            case ToolResult():
                name = part.name or "tool"
                value = {"name": name, "id": part.call, "output": part.text}
                self._place(1, self.tools, value, part, ToolResult(part.text, name, part.call or None))
            case File():
                value = _attachment(self.attachments.get(part.attachment), part)
                media, name = part.media if part.media in _MEDIA else "file", str(value.get("name", ""))
                # Without a pointer our reader has to make one up.
                self._place(2, self.files, value, part, File(part.attachment, media, part.pointer or "made up", name))
            case Citation() | Uri():
                url = part.uri if _is_address(part.uri) else ""
                value = {"url": url or None, "title": part.title or None, "snippet": part.text or None}
                self._place(3, self.citations, value, part, type(part)(url, part.title, part.text))
            case _:
                self.order.append(msgspec.to_builtins(part, builtin_types=(Decimal,)))

    def _place(self, rank: int, field: list[dict[str, Json]], value: dict[str, Json], part: Part, read: Part) -> None:
        """Put a part in one of PAM's fields. read: what our reader makes of it there, without the mark."""
        self._read.append((rank, len(field)))
        field.append({name: said for name, said in value.items() if said is not None})
        more = {name: getattr(part, name) for name in part.__struct_fields__ if getattr(part, name) != getattr(read, name)}
        kind = str(part.__struct_config__.tag)
        self.order.append([kind, more] if more else kind)

    def told(self) -> bool:
        """Whether the parts have to be told: our reader would find others, or find them in another order."""
        return self._read != sorted(self._read) or any(not isinstance(said, str) or said == "uri" for said in self.order)

    def fields(self) -> dict[str, Json]:
        """The fields of the message that have something to say."""
        out: dict[str, Json] = {"is_thought": True} if self.thought else {}
        if len(self.content) == 1 and self.content[0]["type"] == "text":
            out["content"] = self.content[0]
        elif self.content:
            out["content"] = {"type": "multipart", "parts": self.content}
        told = {"tool_calls": self.tools, "attachments": self.files, "citations": self.citations}
        return out | {name: values for name, values in told.items() if values}


def _attachment(held: Attachment | None, part: File | None = None) -> dict[str, Json]:
    pointer = part.pointer if part else held.pointer if held else ""
    name = (part.name if part else "") or (held.name if held else "")
    value = {
        "type": part.media if part and part.media in _MEDIA else "file",
        "name": name or None,
        "mime_type": (held.media_type if held else "") or None,
        "size_bytes": held.size if held else None,
        "provider_id": pointer or None,
    }
    return {key: said for key, said in value.items() if said is not None}


def _is_address(uri: str) -> bool:
    """Whether the schema's `format: uri` holds: no more than that is asked for here."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-;=?-Z\\[\\]_a-z~]+", uri) is not None


# --- memories ---------------------------------------------------------------------------------------------------------


def _takes(memory: Memory, account: Account) -> bool:
    if memory.wording.strip():
        return True
    account.lose("memory", "it has no words, which PAM demands")
    for kind, count in in_memory(memory).items():
        account.lose(kind, "its memory has no words, which PAM demands", count)
    return False


def _memory(memory: Memory, ids: dict[str, dict[str, str]], account: Account) -> dict[str, Json]:
    words, mark = memory.wording, dict[str, Json]()
    later = memory.updated.us if memory.updated is not None else None
    created = utc(memory.created.us) or utc(later) or _NO_TIME
    _stamp(memory.created, created, mark, "created_at")
    temporal = {"created_at": created}
    _later(memory.updated, created, temporal, mark, "updated_at")
    _later(memory.valid_from, _FIRST, temporal, mark, "valid_from")
    _later(memory.valid_to, temporal.get("valid_from", _FIRST), temporal, mark, "valid_until")
    type, custom = _type(memory.kind)
    mark |= {"kind": memory.kind} if type == "custom" and memory.kind != custom else {}
    told = {name: getattr(memory, name) for name in ("topic", "weight", "sensitivity") if getattr(memory, name) is not None}
    mark |= told | {"authority": memory.authority}
    mark |= {"older": list(memory.older)} if memory.older else {}
    mark |= {"extra": dumped(extra)} if (extra := _extra(memory)) else {}
    provenance: dict[str, Json] = {"platform": _platform(memory.provider) if memory.provider else "manual"}
    evidence = [found for found in memory.evidence if found.conversation]
    if evidence:
        first, messages = evidence[0], ids.get(evidence[0].conversation or "")
        if messages is not None:
            provenance["conversation_ref"] = first.conversation
            provenance |= {"message_ref": messages.get(first.message, first.message)} if first.message else {}
        mark["evidence"] = [_evidence(found, ids) for found in evidence]
    account.carry("memory")
    account.carry("evidence", len(evidence))
    account.lose("evidence", "it names no conversation, only a place in this vault", len(memory.evidence) - len(evidence))
    account.carry("older_version", len(memory.older))
    account.carry("extra_field", len(memory.extra))
    return {
        "id": memory.id,
        "type": type,
        **({"custom_type": custom} if custom else {}),
        "status": "active",
        "content": words,
        "content_hash": _sha256(_normal(words).encode()),
        "tags": [],
        **({"confidence": {"current": _score(memory.belief)}} if memory.belief is not None else {}),
        "temporal": temporal,
        "provenance": provenance,
        "metadata": {MARK: mark},
    }


def _type(kind: str) -> tuple[str, str]:
    """PAM's type for a kind of ours, and the custom type if it is that."""
    if kind == "profile":
        return "identity", ""
    return (kind, "") if kind in _TYPES else ("custom", kind or "unknown")


def _score(belief: float) -> float:
    return min(1.0, max(0.0, float(belief)))


def _extra(memory: Memory) -> Extra:
    """Relations go where PAM has them."""
    return {key: value for key, value in memory.extra.items() if key != "relations" or memory.provider != "pam"}


def _evidence(found: Evidence, ids: dict[str, dict[str, str]]) -> dict[str, Json]:
    messages = ids.get(found.conversation or "", {})
    said = {
        "conversation": found.conversation,
        "message": messages.get(found.message, found.message) if found.message else None,
        "start": found.start,
        "end": found.end,
        "quote_hash": found.quote_hash,
    }
    return {name: value for name, value in said.items() if value is not None}


def _relations(memories: list[Memory]) -> list[Json]:
    """The relations that were in a store before, between memories that are both here."""
    known = {memory.provider_id: memory.id for memory in memories if memory.provider == "pam" and memory.provider_id}
    out = {}
    for memory in memories:
        for said in memory.extra.get("relations", ()) if memory.provider == "pam" else ():
            to = known.get(said.get("to"))
            if to is not None and said.get("type") in _RELATIONS and isinstance(said.get("id"), str):
                out[said["id"]] = {**said, "from": memory.id, "to": to}
    return list(out.values())


def _projects(topics: tuple[Topic, ...], account: Account) -> Json:
    for topic in topics:
        account.carry("topic")
        for kind, count in in_topic(topic).items():
            account.carry(kind, count)
    told = [msgspec.structs.asdict(topic) for topic in topics]
    projects = [{name: value for name, value in topic.items() if name != "origins"} for topic in told]
    return {"schema": PROJECTS, "schema_version": "1.0", "projects": projects}


# --- integrity --------------------------------------------------------------------------------------------------------


def _normal(text: str) -> str:
    """The words as their hash counts them (specification, section 6)."""
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text.strip().lower()))


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _checksum(memories: list[dict[str, Json]]) -> str:
    return _sha256(jcs(sorted(memories, key=lambda memory: str(memory["id"]))).encode())


def jcs(value: Json) -> str:
    """RFC 8785, for what stands in a memory: strings, small integers and numbers from 0 to 1; no null."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{jcs(key)}:{jcs(member)}" for key, member in members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(jcs, value)) + "]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else _number(value)
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """A fraction as ECMAScript writes it: plain down to a millionth, then with an exponent."""
    return format(Decimal(repr(value)), "f") if abs(value) >= 1e-6 else re.sub(r"e-0?", "e-", repr(value))
