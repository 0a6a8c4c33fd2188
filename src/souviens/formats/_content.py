"""Content as most APIs write it: a string, or a list of typed items after OpenAI's and Anthropic's messages. For formats whose
messages hold it; what is not known here is kept whole as an opaque part and counted."""

from __future__ import annotations

import hashlib

from souviens.formats._dialogue import Desk
from souviens.formats._fields import Fields, name_type
from souviens.records import File, Json, Opaque, Part, Reasoning, Text, ToolCall, ToolResult

_TEXTS = ("text", "input_text", "output_text")
_THOUGHTS = ("thinking", "reasoning", "reasoning_content", "think")
MEDIA = ("image", "audio", "video")
_SUFFIXES = {
    "image": ("png", "jpg", "jpeg", "gif", "webp", "bmp", "svg", "heic", "avif", "tiff"),
    "audio": ("mp3", "wav", "ogg", "oga", "opus", "flac", "m4a", "aac"),
    "video": ("mp4", "mov", "webm", "mkv", "avi", "m4v"),
}
_MEDIA_OF = {suffix: media for media, suffixes in _SUFFIXES.items() for suffix in suffixes}
_LONG = 20  # characters
INLINE = "its bytes stand in the conversation's own file"


def content_parts(value: Json, desk: Desk, path: str) -> list[Part]:
    """The parts of a `content` field. path: of the field, for unknown types."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Text(value)]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return [Opaque(name_type(value), value)]
    return [_item(item, desk, path) for item in value]


def _item(item: Json, desk: Desk, path: str) -> Part:
    if isinstance(item, str):
        return Text(item)
    if not isinstance(item, dict):
        return Opaque(name_type(item), item)
    kind = item.get("type")
    fields = Fields(item)
    if isinstance(kind, str):
        del fields.left["type"]
        if kind in _TEXTS and isinstance(item.get("text"), str):
            if kind != "text":
                fields.left["type"] = kind
            return Text(str(fields.left.pop("text")), extra=fields.left)
        if kind in _THOUGHTS and (key := next((k for k in (kind, "text", "content") if isinstance(item.get(k), str)), "")):
            fields.left["type"] = kind
            return Reasoning(str(fields.left.pop(key)), extra=fields.left)
        if kind == "tool_use":
            return ToolCall(fields.text("name"), fields.left.pop("input", None), fields.optional("id"), fields.left)
        if kind in ("tool_result", "function_call_output"):
            return tool_result(fields)
        if kind.removeprefix("input_").removesuffix("_url") in (*MEDIA, "file", "document"):
            return media_part(kind, fields, desk)
        desk.unknown.note(f"{path}.type={kind[:40]}".lstrip("."))
    return Opaque(kind if isinstance(kind, str) else name_type(kind), item)


def tool_result(fields: Fields) -> ToolResult:
    """A tool's answer: its text if it is one, all else in `extra`."""
    text = fields.text("content", "output") if isinstance(fields.left.get("content", fields.left.get("output")), str) else ""
    call = fields.optional("tool_use_id", "tool_call_id", "call_id")
    error = fields.left.pop("is_error") if fields.left.get("is_error") is True else False
    return ToolResult(text, fields.optional("name"), call, error, fields.left)


def media_part(kind: str, fields: Fields, desk: Desk) -> File:
    """A picture, a sound or a file: where it points to. Data URIs stay in `extra`; their attachment is named by their hash."""
    word = kind.removeprefix("input_").removesuffix("_url")
    media = word if word in MEDIA else "file"
    held = next((key for key in (kind, word, "url", "source") if key in fields.left), "")
    value = fields.left.get(held)
    pointer = value.get("url") if isinstance(value, dict) else value
    fields.left["type"] = kind
    name = fields.text("name", "filename", "file_name")
    if not isinstance(pointer, str) or not pointer:
        return desk.attach(digest_of(fields.left), media, name=name, missing=INLINE, extra=fields.left)
    if pointer.startswith("data:"):
        media_type = pointer[5:100].partition(";")[0].partition(",")[0]
        return desk.attach(digest_of(pointer), media, name=name, media_type=media_type, missing=INLINE, extra=fields.left)
    if isinstance(value, str):
        del fields.left[held]
    else:
        fields.left[held] = {key: member for key, member in dict(value or {}).items() if key != "url"}
        fields.tidy(held)
    return desk.attach(pointer, media, name=name, extra=fields.left)


def media_of(name: str) -> str:
    """What a file is by the end of its name, where the source says no more: "image", "audio", "video" or "file"."""
    return _MEDIA_OF.get(name.rpartition(".")[2].lower(), "file")


def digest_of(value: Json) -> str:
    """A short pointer for bytes that stand in the conversation itself."""
    return "inline:" + hashlib.sha256(str(value).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def tool_call(value: Json) -> Part:
    """An OpenAI-style tool call: {id, type: "function", function: {name, arguments}}. Arguments stay the string they are."""
    if not isinstance(value, dict):
        return Opaque("tool_call", value)
    fields = Fields(value)
    inner: Fields = fields.inner("function") or fields
    name = inner.text("name")
    arguments = inner.left.pop("arguments", None)
    fields.tidy("function")
    fields.drop("type", "function")
    return ToolCall(name, arguments, fields.identifier("id"), fields.left)


def is_named_by(name: Json, content: Json) -> bool:
    """Whether a conversation's name is a message's words, their first line, or a beginning too long to be like it by chance: then
    an erasure of the message takes the name along."""
    if not isinstance(name, str) or not isinstance(content, str) or not name.strip():
        return False
    words, name = content.strip(), name.strip().removesuffix("…").removesuffix("...")
    return name in (words, words.partition("\n")[0].strip()) or (len(name) >= _LONG and words.startswith(name))
