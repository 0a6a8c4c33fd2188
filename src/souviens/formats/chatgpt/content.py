"""A message's content: each `content_type` and each kind of part as parts of the house.

What a part has a field for is taken out of a copy; all that is left goes to `extra` under its own key, so that nothing can
get lost by not being thought of. A kind that is not known is kept whole, as Opaque.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from souviens.canon import make_id
from souviens.formats.chatgpt import known
from souviens.formats.chatgpt.aside import Sidecars, file_id
from souviens.formats.chatgpt.known import count_unknown, remaining, take
from souviens.jsonspan import decode
from souviens.records import Attachment, Extra, File, Json, Memory, Opaque, Part, Reasoning, Text, ToolCall, ToolResult, Uri

_SANDBOX = re.compile(r"sandbox:/mnt/data/[^\s)\]>\"'`]+")
_NO_BYTES = "the export holds no bytes for it"
_PART_PATH = "mapping.*.message.content.parts"


@dataclass(slots=True)
class Found:
    """What reading one conversation gathers beside its messages."""

    conversation: str
    sidecars: Sidecars
    attachments: dict[str, Attachment] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    def attach(
        self, pointer: str, *, name: str = "", media_type: str = "", size: Json = None, exported: str = "", why: str = _NO_BYTES
    ) -> Attachment:
        """The attachment of that pointer: the same file is one attachment, whichever way it is pointed to.

        exported: the file id under which the export holds it, if not the pointer's own. why: it is missing, if it is.
        """
        bare = file_id(pointer)
        identity = make_id("a", self.conversation, bare)
        before = self.attachments.get(identity) or Attachment(identity, pointer)
        aside, lookup = self.sidecars, exported or bare
        member = before.member or aside.members.get(lookup)
        self.attachments[identity] = attachment = Attachment(
            id=identity,
            pointer=before.pointer,
            name=before.name or name or aside.names.get(lookup, ""),
            media_type=before.media_type or media_type or aside.types.get(lookup, ""),
            size=before.size if before.size is not None else _size(size),
            member=member,
            missing="" if member else before.missing or why,
        )
        return attachment


class Voice(NamedTuple):
    """Who speaks a message: its role and author, whom it addresses (None = everybody), what its tool said went wrong."""

    role: str
    author: str | None
    recipient: str | None
    message: str
    failed: bool
    found: Found

    def says(self, words: str) -> Part:
        """Words as this voice says them: a request to a tool, a tool's answer, or text."""
        if self.role == "assistant" and self.recipient is not None:
            return _tool_call(self.recipient, words)
        if self.role == "tool":
            return ToolResult(words, self.author, error=self.failed)
        return Text(words)


def _size(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _tool_call(name: str, words: str) -> ToolCall:
    """Arguments parsed where they are a JSON object; the exact string then stands in `extra`."""
    if words.lstrip()[:1] == "{":
        try:
            arguments, flaws = decode(words.encode())
        except ValueError:
            return ToolCall(name, words)
        if isinstance(arguments, dict) and not (flaws.unreal or flaws.duplicates or flaws.surrogates):
            return ToolCall(name, arguments, extra={"text": words})
    return ToolCall(name, words)


# --- content types ----------------------------------------------------------------------------------------------------


def parts_of(content: dict[str, Json], voice: Voice) -> list[Part]:
    """The parts of a message. `content` is a copy; what remains in it found no place in any part."""
    count_unknown(voice.found.unknown, "mapping.*.message.content", content, known.CONTENT)
    kind = content.get("content_type")
    reader = _READERS.get(kind) if isinstance(kind, str) else _spoken if "parts" in content else None
    if reader is not None:
        return reader(content, voice)
    if not remaining(content):
        return []
    if kind not in _WHOLE:
        _count(voice, "mapping.*.message.content")
    whole = Opaque(kind if isinstance(kind, str) else "unknown", dict(content))
    content.clear()
    return [whole]


def _count(voice: Voice, path: str) -> None:
    voice.found.unknown[path] = voice.found.unknown.get(path, 0) + 1


def _spoken(content: dict[str, Json], voice: Voice) -> list[Part]:
    """text, multimodal_text: a list of strings, objects and nulls."""
    parts: list[Part] = []
    for item in content.pop("parts", None) or ():
        if not isinstance(item, str):
            parts += _piece(item, voice)
            continue
        parts.append(voice.says(item))
        if "sandbox:/" in item:
            parts += _sandbox_links(item, voice)
    return parts


def _sandbox_links(words: str, voice: Voice) -> list[Part]:
    """Files a container made, which are linked in the text; `library_files.json` may know under which id they were exported."""
    found, parts = voice.found, []
    for link in dict.fromkeys(_SANDBOX.findall(words)):
        name = link.rpartition("/")[2]
        exported = found.sidecars.made_by(voice.message, name)
        attachment = found.attach(link, name=name, exported=exported, why=f"made in a container that is gone; {_NO_BYTES}")
        parts.append(File(attachment.id, "file", link, name))
    return list[Part](parts)


def _code(content: dict[str, Json], voice: Voice) -> list[Part]:
    said = voice.says(take(content, "text"))
    if isinstance(said, Text):
        return [Text(said.text, take(content, "language"))]
    return [said]


def _output(*keys: str) -> Callable[[dict[str, Json], Voice], list[Part]]:
    """A tool's answer, whose words stand under the first of `keys` that has any."""

    def reader(content: dict[str, Json], voice: Voice) -> list[Part]:
        words = next(filter(None, (take(content, key) for key in keys)), "")
        return [ToolResult(words, voice.author, error=voice.failed)]

    return reader


def _system_error(content: dict[str, Json], voice: Voice) -> list[Part]:
    return [ToolResult(take(content, "text"), take(content, "name") or voice.author, error=True)]


def _thoughts(content: dict[str, Json], voice: Voice) -> list[Part]:
    parts: list[Part] = []
    for key in ("thoughts", "parts"):
        thoughts = content.get(key)
        if isinstance(thoughts, list):
            parts += [_thought(thought) for thought in content.pop(key)]
    return parts


def _thought(thought: Json) -> Part:
    if isinstance(thought, str):
        return Reasoning(thought)
    if not isinstance(thought, dict):
        return Opaque("thought", thought)
    rest = dict(thought)
    return Reasoning(take(rest, "content"), take(rest, "summary"), remaining(rest))


def _recap(content: dict[str, Json], voice: Voice) -> list[Part]:
    parts = content.get("parts")
    parts = content.pop("parts") if isinstance(parts, list) else []
    said = [take(content, "content"), *parts]
    return [Reasoning("", words) if isinstance(words, str) else Opaque("recap", words) for words in said if words]


def _boxes(*keys: str) -> Callable[[dict[str, Json], Voice], list[Part]]:
    """Words under several keys, each a Text that says which."""

    def reader(content: dict[str, Json], voice: Voice) -> list[Part]:
        return [Text(words, extra={"key": key}) for key in keys if (words := take(content, key))]

    return reader


def _page(content: dict[str, Json], voice: Voice) -> list[Part]:
    """tether_quote, sonic_webpage: a page that was read."""
    return [Uri(take(content, "url"), take(content, "title"), take(content, "text") or take(content, "snippet"))]


def _screen(content: dict[str, Json], voice: Voice) -> list[Part]:
    shot = content.get("screenshot")
    return _piece(content.pop("screenshot"), voice) if isinstance(shot, dict) else []


_READERS: dict[str, Callable[[dict[str, Json], Voice], list[Part]]] = {
    "text": _spoken,
    "multimodal_text": _spoken,
    "code": _code,
    "execution_output": _output("text"),
    "tether_browsing_code": _output("text"),
    "tether_browsing_display": _output("result", "summary"),
    "citable_code_output": _output("output_str"),
    "system_error": _system_error,
    "thoughts": _thoughts,
    "reasoning_recap": _recap,
    "user_editable_context": _boxes("user_profile", "user_instructions"),
    "model_editable_context": _boxes("model_set_context"),
    "tether_quote": _page,
    "sonic_webpage": _page,
    "computer_output": _screen,
}
# Known, but of a shape that changes with every widget.
_WHOLE = ("super_widget", "app_pairing_content")


# --- kinds of parts ---------------------------------------------------------------------------------------------------

_MEDIA = {"image_asset_pointer": "image", "audio_asset_pointer": "audio", "video_container_asset_pointer": "video"}


def _piece(item: Json, voice: Voice) -> list[Part]:
    """An element of `parts` that is not a string."""
    if not isinstance(item, dict):
        return [Opaque("null" if item is None else "unknown", item)]
    count_unknown(voice.found.unknown, _PART_PATH, item, known.PART)
    kind = item.get("content_type")
    if kind == "audio_transcription" and isinstance(item.get("text"), str):
        rest = dict(item)
        return [Text(take(rest, "text"), extra=remaining(rest))]
    if kind == "real_time_user_audio_video_asset_pointer":
        return _live(item, voice)
    if isinstance(item.get("asset_pointer"), str):
        return [_file(item, _MEDIA.get(kind, "file") if isinstance(kind, str) else "file", voice)]
    _count(voice, _PART_PATH)
    return [Opaque(kind if isinstance(kind, str) else "unknown", item)]


def _file(item: dict[str, Json], media: str, voice: Voice) -> File:
    rest = dict(item)
    pointer = take(rest, "asset_pointer")
    media_type = rest.get("mime_type")
    expiry = rest.get("expiry_datetime")
    attachment = voice.found.attach(
        pointer,
        media_type=media_type if isinstance(media_type, str) else "",
        size=rest.get("size_bytes"),
        why=f"it was due to expire on {expiry}; {_NO_BYTES}" if isinstance(expiry, str) else _NO_BYTES,
    )
    return File(attachment.id, media, pointer, extra=remaining(rest))


def _live(item: dict[str, Json], voice: Voice) -> list[Part]:
    """A stretch of live audio and video: several pointers, each a string or an object; the rest goes with the first."""
    rest = dict(item)
    frames = rest.get("frames_asset_pointers")
    pointers = [("audio_asset_pointer", rest.pop("audio_asset_pointer", None))]
    pointers += [("image_asset_pointer", frame) for frame in rest.pop("frames_asset_pointers")] if isinstance(frames, list) else []
    pointers.append(("video_container_asset_pointer", rest.pop("video_container_asset_pointer", None)))
    parts: list[Part] = []
    for kind, pointer in pointers:
        asset = {"asset_pointer": pointer} if isinstance(pointer, str) else pointer
        if isinstance(asset, dict) and isinstance(asset.get("asset_pointer"), str):
            parts.append(_file(asset, _MEDIA[kind], voice))
        elif asset is not None:
            parts.append(Opaque(kind, asset))
    first = parts[0] if parts else None
    if not isinstance(first, File):
        return [Opaque("real_time_user_audio_video_asset_pointer", item)]
    live: Extra = {**first.extra, "live": remaining(rest)}
    return [File(first.attachment, first.media, first.pointer, first.name, live), *parts[1:]]


def _exported(entry: dict[str, Json], pointer: str, voice: Voice) -> str:
    """The other id of an upload, where the export holds its bytes under that one alone."""
    other, members = entry.get("file_id"), voice.found.sidecars.members
    return other if isinstance(other, str) and other in members and file_id(pointer) not in members else ""


def uploads(metadata: dict[str, Json], parts: list[Part], voice: Voice) -> list[Part]:
    """The files of `metadata.attachments`, taken out of `metadata`; one that a part points to already gives it its name and
    stays there."""
    entries = metadata.get("attachments")
    if not entries or not isinstance(entries, list):
        return []
    shown = {part.attachment: place for place, part in enumerate(parts) if isinstance(part, File)}
    rest: list[Json] = []
    files: list[Part] = []
    for entry in entries:
        pointer = (entry.get("id") or entry.get("file_id")) if isinstance(entry, dict) else None
        if not isinstance(pointer, str):
            rest.append(entry)
            continue
        count_unknown(voice.found.unknown, "mapping.*.message.metadata.attachments", entry, known.UPLOAD)
        left = dict(entry)
        name = take(left, "name")
        media_type = next((entry[key] for key in ("mime_type", "mimeType") if isinstance(entry.get(key), str)), "")
        attachment = voice.found.attach(
            pointer, name=name, media_type=media_type, size=entry.get("size"), exported=_exported(entry, pointer, voice)
        )
        if (place := shown.get(attachment.id)) is not None:
            parts[place] = replace(parts[place], name=name)
            rest.append(entry)
            continue
        left.pop("id" if left.get("id") == pointer else "file_id")
        media = media_type.partition("/")[0]
        files.append(File(attachment.id, media if media in ("image", "audio", "video") else "file", pointer, name, remaining(left)))
    metadata["attachments"] = rest
    return files
