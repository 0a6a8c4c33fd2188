"""Part of cherry: the blocks of a message as parts of it."""

from __future__ import annotations

from collections.abc import Callable

from souviens.formats._content import INLINE, MEDIA, digest_of
from souviens.formats._dialogue import Desk
from souviens.formats._fields import Fields, name_type
from souviens.records import Citation, Extra, Json, Opaque, Part, Reasoning, Text, ToolCall, ToolResult, Uri


def block_parts(value: Json, message: str | None, desk: Desk) -> list[Part]:
    """The parts of one block. A block that is not in the backup stands there as its id."""
    if not isinstance(value, dict):
        return [Opaque("missing block" if isinstance(value, str) else name_type(value), value)]
    fields = Fields(value)
    fields.drop("messageId", message)
    kind = fields.left.get("type")
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind](fields, desk)
    if kind not in ("error", "unknown"):
        desk.unknown.note(f"topic.messages.blocks.type={str(kind)[:40]}")
    return [Opaque(str(kind), fields.left)]


def _text(fields: Fields, desk: Desk) -> list[Part]:
    """Words of any kind; of a translation or a summary the block's type says which."""
    words, language = fields.text("content"), fields.text("language")
    return [Text(words, language, fields.left)]


def _thought(fields: Fields, desk: Desk) -> list[Part]:
    return [Reasoning(fields.text("content"), extra=fields.left)]


def _tool(fields: Fields, desk: Desk) -> list[Part]:
    """What was asked of a tool, and what it answered. The server's own answer is in its metadata, whole."""
    metadata = fields.left.get("metadata")
    raw = metadata.get("rawMcpToolResponse") if isinstance(metadata, dict) else None
    raw = raw if isinstance(raw, dict) else {}
    tool = raw.get("tool")
    name = fields.text("toolName") or (Fields(tool).text("name") if isinstance(tool, dict) else "")
    call, arguments = fields.optional("toolId"), fields.left.pop("arguments", None)
    asked = ToolCall(name, raw.get("arguments") if arguments is None else arguments, call, {"block": fields.left})
    if "content" not in fields.left:
        return [asked]
    content = fields.left.pop("content")
    error = raw.get("isError") is True or fields.left.get("status") == "error"
    if isinstance(content, str):
        return [asked, ToolResult(content, name or None, call, error)]
    items = content.get("content") if isinstance(content, dict) else None
    alone = items[0] if isinstance(items, list) and len(items) == 1 and isinstance(items[0], dict) else None
    if alone is None or not isinstance(alone.get("text"), str):
        return [asked, ToolResult("", name or None, call, error, {"content": content})]
    rest = {**content, "content": [{key: value for key, value in alone.items() if key != "text"}]}
    return [asked, ToolResult(alone["text"], name or None, call, error, rest)]


def _image(fields: Fields, desk: Desk) -> list[Part]:
    """A picture: a file of the app's, an address, or one that a model made, whose bytes may stand in the block."""
    file, url = fields.left.get("file"), fields.left.get("url")
    if isinstance(file, dict):
        del fields.left["file"]
        return [attached(file, desk, fields.left, "image")]
    if isinstance(url, str) and url and not url.startswith("data:"):
        del fields.left["url"]
        return [desk.attach(url, "image", extra=fields.left)]
    return [desk.attach(digest_of(fields.left), "image", missing=INLINE, extra=fields.left)]


def _file(fields: Fields, desk: Desk) -> list[Part]:
    return [attached(fields.left.pop("file", None), desk, fields.left)]


def _video(fields: Fields, desk: Desk) -> list[Part]:
    pointer = fields.text("url", "filePath")
    return [desk.attach(pointer, "video", extra=fields.left) if pointer else Opaque("video", fields.left)]


def attached(value: Json, desk: Desk, block: Extra, media: str = "") -> Part:
    """A file of the app's by its id, whose bytes lie under it in `Data/Files/`. block: what else its block says."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not value["id"]:
        return Opaque("file", {**block, "file": value})
    fields = Fields(value)
    id, name, size = str(fields.left.pop("id")), fields.text("origin_name"), fields.number("size")
    kind = value.get("type")
    media = media or (kind if kind in MEDIA else "file")
    member = desk.sidecars.get(id) if isinstance(desk.sidecars, dict) else None
    extra = {**fields.left, "block": block} if block else fields.left
    return desk.attach(id, media, name=name, size=size, member=member, missing="its file is not in the backup", extra=extra)


def _citation(fields: Fields, desk: Desk) -> list[Part]:
    """What an answer rests on: pages of a search, pieces of knowledge, memories. What is none of these is kept whole."""
    response = fields.inner("response")
    found: list[Part] = []
    if response is not None:
        inner = response.inner("results") or response  # a search of the app's own says what was asked, too
        found += [_page(item) for item in inner.items("results")]
        response.tidy("results")
    for item in fields.items("knowledge"):
        known = Fields(item) if isinstance(item, dict) else None
        found.append(Opaque("knowledge", item) if known is None else _known(known))
    fields.tidy("response")
    return [*found, Opaque("citation", fields.left)]


def _page(value: Json) -> Part:
    if isinstance(value, str):
        return Uri(value)
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return Opaque("search result", value)
    fields = Fields(value)
    return Citation(fields.text("url"), fields.text("title"), fields.text("content"), extra=fields.left)


def _known(fields: Fields) -> Part:
    return Citation(fields.text("sourceUrl"), text=fields.text("content"), extra=fields.left)


_KINDS: dict[str, Callable[[Fields, Desk], list[Part]]] = {
    "main_text": _text,
    "code": _text,
    "translation": _text,
    "compact": _text,
    "thinking": _thought,
    "tool": _tool,
    "image": _image,
    "file": _file,
    "video": _video,
    "citation": _citation,
}
