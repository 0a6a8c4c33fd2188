"""The parts of a message: `output` items where there are any, else the words of `content`; files and sources.

Since 2026 an answer is kept as `output`, items after OpenAI's Responses API, and `content` shows the same once more, with reasoning
and tools as `<details type=…>` blocks. Of the two the items are read: the page shows them where there are any and `content` only
where there are none, and edits them alone, so that `content` may say what was written before (ResponseMessage.svelte, 0.12). Older
answers have the blocks only: those are taken apart, and the string they stood in is kept beside them.
"""

from __future__ import annotations

import html
import re
from itertools import zip_longest

from souviens.formats._content import INLINE, content_parts, digest_of
from souviens.formats._dialogue import Desk
from souviens.formats._fields import Fields, name_type
from souviens.formats.openwebui import known
from souviens.jsonspan import decode
from souviens.records import Citation, Extra, Json, Opaque, Part, Reasoning, Text, ToolCall, ToolResult

_TAG = re.compile(r"<(/?)details\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_SUMMARY = re.compile(r"\s*<summary>(.*?)</summary>\n?", re.DOTALL)
_HELD = ("file", "image", "audio", "video", "doc", "text", "web", "web_search")  # types of `files` that are files
_THOUGHTS = ("output_text", "reasoning_text")  # types of the pieces of a thought: of Open WebUI's own making, of the Responses API


def said(fields: Fields, desk: Desk, *, by_model: bool) -> list[Part]:
    """What a message says, of its `output` and its `content`, which is left as it was if it was taken apart or says more. Of a
    person's message it is never: a block in it was pasted, and is the person's words."""
    parts = [part for item in fields.items("output") for part in _item(item, desk)]
    content = fields.left.get("content")
    told = any(isinstance(part, Text) for part in parts)
    if isinstance(content, str):
        shown = _shown(content) if by_model else _between(content, exact=True)
        # Items without words are not all of the answer.
        parts += shown if not parts else [] if told else [part for part in shown if isinstance(part, Text)]
    elif not told and "content" in fields.left:
        del fields.left["content"]
        return [*parts, *content_parts(content, desk, "content")]
    texts = [part.text for part in parts if isinstance(part, Text)]
    fields.drop("content", None, "", *texts, "\n".join(texts))
    return parts


# --- output items -----------------------------------------------------------------------------------------------------


def _item(value: Json, desk: Desk) -> list[Part]:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return [Opaque(f"output: {name_type(value)}", value)]
    fields = Fields(value)
    if kind == "message":
        return _message(fields, desk)
    if kind == "reasoning":
        return _reasoning(fields)
    if kind == "function_call":
        fields.drop("type", kind)
        arguments = fields.left.pop("arguments", None)
        return [ToolCall(fields.text("name"), arguments, fields.optional("call_id"), fields.left)]
    if kind == "function_call_output":
        return [_result(fields)]
    if kind == "open_webui:code_interpreter":
        code = fields.left.pop("code", None)
        return [ToolCall("code_interpreter", code, fields.optional("call_id"), fields.left)]
    if kind not in known.ITEMS:
        desk.unknown.note(f"output.type={kind[:40]}")
    return [Opaque(kind, value)]


def _message(fields: Fields, desk: Desk) -> list[Part]:
    """The words of an answer; what else is said of the item stands with the first of them."""
    fields.drop("type", "message")
    fields.drop("role", "assistant")
    parts: list[Part] = []
    for piece in fields.items("content"):
        inner = Fields(piece) if isinstance(piece, dict) else Fields({})
        if inner.left.get("type") == "output_text" and isinstance(inner.left.get("text"), str):
            del inner.left["type"]
            parts.append(Text(str(inner.left.pop("text")), extra={k: v for k, v in inner.left.items() if v != []}))
        else:
            parts += content_parts([piece], desk, "output.content")
    if not fields.left:
        return parts
    if parts and isinstance(parts[0], Text):
        return [Text(parts[0].text, extra={**parts[0].extra, **fields.left}), *parts[1:]]
    return [*parts, Opaque("message", fields.left)]


def _reasoning(fields: Fields) -> list[Part]:
    """Thoughts: pieces of `content`, and of `summary` beside them."""
    fields.drop("type", "reasoning")
    texts, summaries = _pieces(fields, "content", *_THOUGHTS), _pieces(fields, "summary", "summary_text")
    thoughts: list[Part] = [Reasoning(text, summary) for text, summary in zip_longest(texts, summaries, fillvalue="")]
    first = thoughts[0] if thoughts else Reasoning("")
    return [Reasoning(first.text, first.summary, fields.left), *thoughts[1:]] if isinstance(first, Reasoning) else thoughts


def _pieces(fields: Fields, key: str, *kinds: str) -> list[str]:
    """The texts of a list of typed pieces, taken if it holds nothing else."""
    held = fields.left.get(key)
    pieces = held if isinstance(held, list) else []
    if any(not isinstance(p, dict) or p.keys() != {"type", "text"} or p["type"] not in kinds for p in pieces):
        return []
    if any(not isinstance(p["text"], str) for p in pieces):
        return []
    if held is None or pieces == held:
        fields.left.pop(key, None)
    return [p["text"] for p in pieces]


def _result(fields: Fields) -> ToolResult:
    """A tool's answer: its first text, all else in `extra`."""
    fields.drop("type", "function_call_output")
    held, text = fields.left.get("output"), ""
    if isinstance(held, str):
        text = fields.text("output")
    elif isinstance(held, list) and held and isinstance(held[0], dict) and isinstance(held[0].get("text"), str):
        first = {key: member for key, member in held[0].items() if key != "text" and (key, member) != ("type", "input_text")}
        text = held[0]["text"]
        fields.left["output"] = [*([first] if first else []), *held[1:]]
        fields.tidy("output")
    return ToolResult(text, fields.optional("name"), fields.optional("call_id"), fields.left.get("status") == "failed", fields.left)


# --- content that shows everything --------------------------------------------------------------------------------------


def _shown(content: str) -> list[Part]:
    """The parts of a content string: its `<details>` blocks of a known type, and the text around them."""
    parts: list[Part] = []
    end = depth = 0
    opened: re.Match[str] | None = None
    for tag in _TAG.finditer(content):
        if not tag[1]:
            depth += 1
            opened = opened or tag
        elif opened is not None and (depth := depth - 1) == 0:
            if block := _block(opened[2], content[opened.end() : tag.start()]):
                parts += [*_between(content[end : opened.start()]), *block]
                end = tag.end()
            opened = None
    return [*parts, *_between(content[end:])] if parts else _between(content, exact=True)


def _between(text: str, *, exact: bool = False) -> list[Part]:
    return [Text(text if exact else text.strip("\n"))] if text.strip() else []


def _block(opening: str, inside: str) -> list[Part]:
    """What a block shows; nothing for one that is not the client's own."""
    attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(opening)}
    body = html.unescape(_SUMMARY.sub("", inside, count=1)).strip("\n")
    kind = attributes.get("type", "")
    if kind == "reasoning":
        lines = body.split("\n")
        return [Reasoning("\n".join(re.sub(r"^> ?", "", line) for line in lines))]
    if kind == "tool_calls":
        name, call = attributes.get("name", ""), attributes.get("id") or None
        result = attributes.get("result") or body
        made = ToolCall(name, _unquoted(attributes["arguments"]) if attributes.get("arguments") else None, call)
        return [made, ToolResult(_unquoted(result), name or None, call)] if result else [made]
    if kind == "code_interpreter":
        output = attributes.get("output", "")
        made = ToolCall(kind, body)
        return [made, ToolResult(_unquoted(output), kind)] if output else [made]
    return []


def _unquoted(text: str) -> str:
    """A JSON string's text, for attributes that were written as JSON; anything else as it is."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            value, _ = decode(text.encode("utf-8", "surrogatepass"))
        except ValueError:
            return text
        return value if isinstance(value, str) else text
    return text


# --- files and sources --------------------------------------------------------------------------------------------------


def file(value: Json, desk: Desk) -> Part:
    """An entry of `files`. A collection, a note or another chat is named, not attached."""
    kind = value.get("type", "file") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in _HELD:
        return Opaque(f"file: {kind if isinstance(kind, str) else name_type(value)}", value)
    fields = Fields(value)
    for key in fields.left.keys() - known.FILE - {"name"}:
        desk.unknown.note(f"files.{key}")
    record = _object(value, "file")
    meta = _object(record, "meta")
    name = fields.text("name") or next((v for v in (record.get("filename"), meta.get("name")) if isinstance(v, str)), "")
    media_type = next((v for v in (value.get("content_type"), meta.get("content_type")) if isinstance(v, str)), "")
    size = next((v for v in (value.get("size"), meta.get("size")) if type(v) is int), None)
    url = value.get("url")
    pointer = next((v for v in (value.get("id"), record.get("id"), url) if isinstance(v, str) and v), "") or name
    missing = "the export names it without its bytes"
    if isinstance(url, str) and url.startswith("data:"):
        media_type = media_type or url[5:100].partition(";")[0].partition(",")[0]
        pointer, missing = digest_of(url) if pointer == url else pointer, INLINE
    media = next((m for m in ("image", "audio", "video") if m in (kind, media_type.partition("/")[0])), "file")
    for key, taken in (("id", pointer), ("content_type", media_type), ("size", size)):
        fields.drop(key, taken)
    member = desk.sidecars.get(pointer) if isinstance(desk.sidecars, dict) else None
    return desk.attach(
        pointer or digest_of(value), media, name=name, media_type=media_type, size=size, member=member, missing=missing,
        extra=fields.left,
    )  # fmt: skip


def _object(value: dict[str, Json], key: str) -> dict[str, Json]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def sources(values: list[Json], desk: Desk) -> list[Part]:
    """Citations: one for each document of a source."""
    return [part for value in values for part in _source(value, desk)]


def _source(value: Json, desk: Desk) -> list[Part]:
    source = value.get("source") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(source, dict):
        return [Opaque("source", value)]
    fields = Fields(value)
    for key in fields.left.keys() - known.SOURCE:
        desk.unknown.note(f"sources.{key}")
    inner = fields.inner("source") or Fields({})
    url, title = inner.text("url"), inner.text("name", "title")
    inner.drop("id", url, title)
    fields.tidy("source")
    documents = value.get("document")
    texts = [text for text in documents if isinstance(text, str)] if isinstance(documents, list) else []
    if not texts or len(texts) != len(documents or ()):
        return [Citation(url, title, extra=fields.left)]
    del fields.left["document"]
    about = value.get("metadata")
    each = about if isinstance(about, list) and len(about) == len(texts) and all(isinstance(m, dict) for m in about) else None
    if each is not None:
        del fields.left["metadata"]
    found: list[Part] = []
    for place, text in enumerate(texts):
        beside = Fields(each[place] if each is not None else {})
        beside.drop("source", url, title)
        beside.drop("name", title)
        extra: Extra = {"metadata": beside.left} if beside.left else {}
        found.append(Citation(url, title, text, extra={**extra, **(fields.left if place == 0 else {})}))
    return found
