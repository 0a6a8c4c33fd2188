"""Content blocks, attachments and files as parts of a message.

`content` is what counts: `text` is a rendering of it that older apps filled with notices where they could not show a block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from souviens.canon import Occurrences, make_id
from souviens.formats._fields import Fields, Unknown, name_type, note
from souviens.formats.claude import known
from souviens.records import Attachment, Citation, Extra, File, Json, Opaque, Part, Reasoning, Text, ToolCall, ToolResult

_JOINERS = ("", "\n", "\n\n", " ")
_MEDIA = {
    "image": ("png", "jpg", "jpeg", "gif", "webp", "bmp", "svg", "heic"),
    "audio": ("mp3", "wav", "m4a", "ogg", "flac"),
    "video": ("mp4", "mov", "webm", "mkv"),
}
_MEDIA_OF = {suffix: media for media, suffixes in _MEDIA.items() for suffix in suffixes}
TEXT_ONLY = "the export holds its extracted text only"
NAME_ONLY = "the export names it without its bytes"


@dataclass(slots=True)
class Desk:
    """What is at hand while one conversation is read. path: of its messages in the JSON, without indexes ("chat_messages")."""

    conversation: str
    path: str
    sidecars: dict[str, str]
    unknown: Unknown = field(default_factory=Unknown)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    occurrences: Occurrences = field(default_factory=Occurrences)


# --- content blocks ---------------------------------------------------------------------------------------------------


class _Calls:
    """Pairs calls and results that carry no ids: the n-th call without one is "order:n", its result the next of that name."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[tuple[str, str]] = []

    def made(self, name: str) -> str:
        call = f"order:{self._count}"
        self._count += 1
        self._open.append((call, name))
        return call

    def answered(self, name: str) -> str | None:
        match = next((pending for pending in self._open if not name or not pending[1] or pending[1] == name), None)
        if match is None:
            return None
        self._open.remove(match)
        return match[0]


def read_content(blocks: list[Json], desk: Desk) -> list[Part]:
    """The parts of a message's `content`, in order; the citations of a text follow it."""
    calls = _Calls()
    path = f"{desk.path}.content"
    parts: list[Part] = []
    for block in blocks:
        if not isinstance(block, dict):
            parts.append(Opaque(name_type(block), block))
            continue
        kind = block.get("type")
        reader = _BLOCKS.get(kind) if isinstance(kind, str) else None
        if reader is not None:
            fields = Fields(block)
            del fields.left["type"]
            parts += reader(fields, calls, path, desk.unknown)
            continue
        word = kind if isinstance(kind, str) else name_type(kind)
        if word not in known.KEPT_WHOLE:
            desk.unknown.note(f"{path}.type={word[:40]}")
        parts.append(Opaque(word, block))
    return parts


def _text(fields: Fields, calls: _Calls, path: str, unknown: Unknown) -> list[Part]:
    text = fields.text("text")
    citations = fields.items("citations")
    return [Text(text, extra=fields.rest(known.TEXT, path, unknown)), *(_citation(c, path, unknown) for c in citations)]


def _citation(value: Json, path: str, unknown: Unknown) -> Part:
    if not isinstance(value, dict):
        return Opaque("citation", value)
    fields = Fields(value)
    uri = fields.text("url")
    if not uri and isinstance(details := fields.left.get("details"), dict):
        inner = Fields(details)
        uri = inner.text("url")
        fields.left["details"] = inner.left
    title = fields.text("title")
    start, end = fields.number("start_index"), fields.number("end_index")
    return Citation(uri, title, start=start, end=end, extra=fields.rest(known.CITATION, f"{path}.citations", unknown))


def _thinking(fields: Fields, calls: _Calls, path: str, unknown: Unknown) -> list[Part]:
    text = fields.text("thinking") if "thinking" in fields.left else fields.text("text")
    # The summaries' words are searched joined; the objects stay in extra, where their other fields and borders are.
    summaries = fields.left.get("summaries")
    rows = [row.get("summary") for row in summaries if isinstance(row, dict)] if isinstance(summaries, list) else []
    summary = "\n".join(row for row in rows if isinstance(row, str))
    return [Reasoning(text, summary, fields.rest(known.THINKING, path, unknown))]


def _tool_use(fields: Fields, calls: _Calls, path: str, unknown: Unknown) -> list[Part]:
    name = fields.text("name")
    arguments = fields.left.pop("input", None)
    call = fields.optional("id") or (calls.made(name) if fields.left.get("id") is None else None)
    return [ToolCall(name, arguments, call, fields.rest(known.TOOL_USE, path, unknown))]


def _tool_result(fields: Fields, calls: _Calls, path: str, unknown: Unknown) -> list[Part]:
    name = fields.text("name")
    call = fields.optional("tool_use_id") or (calls.answered(name) if fields.left.get("tool_use_id") is None else None)
    error = fields.flag("is_error")
    text = fields.text("content")
    if items := fields.items("content"):
        text, fields.left["content"] = _result_items(items, path, unknown)
    return [ToolResult(text, name or None, call, error, fields.rest(known.TOOL_RESULT, path, unknown))]


def _result_items(items: list[Json], path: str, unknown: Unknown) -> tuple[str, list[Json]]:
    """The readable text of a result, and its items, which instead of their own text say where in it that stands (text_at)."""
    texts: list[str] = []
    kept: list[Json] = []
    length = 0
    for item in items:
        if not isinstance(item, dict):
            kept.append(item)
            continue
        text = item.get("text")
        fields = Fields(item)
        extra = fields.rest(known.RESULT_ITEM, f"{path}.content", unknown)
        if isinstance(text, str):
            length += 1 if texts else 0
            del extra["text"]
            note(extra, "text_at", [length, length + len(text)])
            length += len(text)
            texts.append(text)
        kept.append(extra)
    return "\n".join(texts), kept


_BLOCKS: dict[str, Callable[[Fields, _Calls, str, Unknown], list[Part]]] = {
    "text": _text,
    "thinking": _thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def settle_text(text: str, parts: list[Part], extra: Extra) -> list[Part]:
    """Beside `parts` from content, what becomes of `text`: the part itself if content says nothing, a remark how the text
    blocks make it up, or, where it is something else, a field of `extra` that no search sees."""
    if all(isinstance(part, Text) and not part.text for part in parts):
        return [*parts, Text(text)] if text else parts
    words = [part.text for part in parts if isinstance(part, Text)]
    joiner = next((joiner for joiner in _JOINERS if joiner.join(words) == text), None)
    if joiner is None:
        note(extra, "text", text)
    elif len(words) > 1:
        note(extra, "text_joined_by", joiner)
    return parts


# --- attachments and files --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Naming:
    """What one list of files calls its fields. words: where the text of a file stands, if the list has such a field."""

    path: str
    own: tuple[str, ...]
    name: tuple[str, ...]
    words: str
    media_type: str
    size: str
    known: frozenset[str]


# What was pasted or uploaded as text; images, PDFs and others; and the design chats' list, which holds both.
ATTACHMENTS = _Naming("attachments", ("id",), ("file_name",), "extracted_content", "file_type", "file_size", known.ATTACHMENT)
FILES = _Naming("files", ("file_uuid", "uuid"), ("file_name",), "", "", "size_bytes", known.FILE)
DESIGN_FILES = _Naming("content.attachments", ("id",), ("name", "path"), "content", "type", "", known.DESIGN_ATTACHMENT)


def read_files(values: list[Json], naming: _Naming, message: str, desk: Desk) -> list[Part]:
    """A pointer for each file, and behind it its extracted words: pasted text is the person's own and must be found.

    Size and type stay in the pointer's `extra` too, since an attachment may be described differently by another message.
    """
    parts: list[Part] = []
    for value in values:
        if not isinstance(value, dict):
            parts.append(Opaque(naming.path.rpartition(".")[2].removesuffix("s"), value))
            continue
        fields = Fields(value)
        own, name = fields.text(*naming.own), fields.text(*naming.name)
        words = "" if value.get("hidden") is True else fields.text(naming.words)
        extra = fields.rest(naming.known, f"{desk.path}.{naming.path}", desk.unknown)
        found = _attachment(own, name, words, extra, naming, message, desk)
        desk.attachments.setdefault(found.id, found)
        parts.append(File(found.id, _media(name, extra), found.pointer, name, extra))
        if words:
            parts.append(Text(words, extra={"attachment": name}))
    return parts


def _attachment(own: str, name: str, words: str, extra: Extra, naming: _Naming, message: str, desk: Desk) -> Attachment:
    # A name alone ("paste.txt", or none) is shared by many: without an id of its own the message tells them apart.
    id = make_id("a", desk.conversation, own) if own else desk.occurrences.make_id("a", desk.conversation, message, name)
    media_type, size = extra.get(naming.media_type), extra.get(naming.size)
    member = desk.sidecars.get(own) or desk.sidecars.get(name)
    return Attachment(
        id=id,
        pointer=own or name,
        name=name,
        media_type=media_type if isinstance(media_type, str) else "",
        size=size if type(size) is int else None,
        member=member,
        missing="" if member else TEXT_ONLY if words else NAME_ONLY,
    )


def _media(name: str, extra: Extra) -> str:
    kind = extra.get("file_kind")
    if isinstance(kind, str) and kind in _MEDIA:
        return kind
    return _MEDIA_OF.get(name.rpartition(".")[2].lower(), "file")
