"""Google AI Studio: the prompts that it keeps in the folder "Google AI Studio" of one's Drive, each a JSON document without an
extension.

A prompt is a list of chunks: what the person said, what the model thought, what it answered, code that it ran. A branch is another
document; a chunk names the one it was branched from or those that branched off, by their ids in Drive, which no document says of
itself. So branches stay conversations of their own, and what they say of each other is kept. A prompt is known by all that is said
in it, as neither its id nor its name is in the document: one that was continued since is another.

Older kinds of prompts (`textPrompt`, `freeformPrompt`, `dataPrompt`) are named on the receipt and not read: no public source tells
what they are like inside.

Sources: formats.md 3, the field paths that polylogue inferred from a private corpus (`gemini.v1`), and the published samples of
polylogue and openwebui-importer.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Guide, Place
from souviens.formats._carving import AGAIN, Kind, mark_of, marked, told_again
from souviens.formats._content import INLINE, MEDIA, digest_of
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, list_nodes, loaded, refused, role_of
from souviens.formats._fields import Fields, id_of
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import (
    Citation,
    File,
    Head,
    Json,
    Opaque,
    Part,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Treatment,
    Uri,
)

NAME = "aistudio"
TITLE = "Google AI Studio prompts"
READER = 2
SUPPORT = "real"
WORDS = {"model": "assistant"}
GUIDE = Guide(
    get=("drive.google.com > My Drive > Google AI Studio", "select all > Download", "or takeout.google.com > Drive > that folder"),
    notes=(
        "Only prompts that were saved (Autosave) are there.",
        "A prompt that was continued since comes as another conversation beside the older one.",
        "AI Studio opens prompts from Drive; souviens does not write them.",
    ),
)
_CHUNKS = ("chunkedPrompt", "chunks")
_SYSTEM = "systemInstruction"
_NEAR = 200  # characters that `text` may have between two of the `parts` it is made of
_KNOWN_HEAD = frozenset({"runSettings", "citations", "applets", "chunkedPrompt", "pendingInputs", _SYSTEM})
_KNOWN_CHUNK = frozenset({
    "isThought", "tokenCount", "finishReason", "safetyRatings", "thinkingBudget", "thoughtSignatures", "isEdited", "branchParent",
    "branchChildren", "videoMetadata", "isGeneratedUsingApiKey", "grounding", "parts", "executableCode", "codeExecutionResult",
    _SYSTEM,
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "prompts": documents with chunks. What else lies in the folder are the files they point to."""
    return "prompts" if any(_is_prompt(delivery.peek(entry)) for entry in delivery.entries) else None


def _is_prompt(seen: Peek) -> bool:
    prompt = seen.first.get("chunkedPrompt")
    return seen.look == "object" and isinstance(prompt, dict) and isinstance(prompt.get("chunks", []), list)


def _older(value: Json) -> str:
    """The key of an older kind of prompt."""
    if not isinstance(value, dict) or "runSettings" not in value or "chunkedPrompt" in value:
        return ""
    return next((key for key, held in value.items() if key.endswith("Prompt") and isinstance(held, dict)), "")


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Prompts are cut, those of an older kind too, so that they are named."""
    looks = ((entry.name, delivery.peek(entry)) for entry in delivery.entries)
    return {name: "cut" for name, seen in looks if _is_prompt(seen) or (seen.look == "object" and _older(seen.first))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    with entry.open() as stream:
        yield from marked(cut_elements(stream, path=entry.name, kind="prompt"), _mark)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    slice = loaded(slice)
    if key := _older(slice.value):
        return refused(slice, f"an older kind of prompt ({key}), which no reader knows: kept as it is, not read")
    return told_again(slice, _PROMPTS.read(slice, sidecars), AGAIN)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    slice = loaded(slice)
    return {} if _older(slice.value) else _PROMPTS.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return []


def _identify(slice: Slice) -> Identity:
    """Drive knows a document by its id and its name; neither is in it, unless a tool put them there."""
    value = loaded(slice).value
    return Identity(id_of(value.get("id")), ("prompt", Kind.of(slice).mark or _said(value, slice)))


def _mark(slice: Slice) -> str:
    value = slice.value
    is_named = not isinstance(value, dict) or _older(value) or id_of(value.get("id"))
    return "" if is_named else _said(value, slice)


def _said(value: Json, slice: Slice) -> str:
    """The mark of a prompt: by what was said in it, not by settings, drafts and branches, which change while it stands."""
    prompt = value.get("chunkedPrompt")
    chunks = prompt.get("chunks") if isinstance(prompt, dict) else prompt
    said = [_without_branches(chunk) for chunk in chunks] if isinstance(chunks, list) else chunks
    return mark_of([value.get(_SYSTEM), said], slice)


def _without_branches(chunk: Json) -> Json:
    return {key: held for key, held in chunk.items() if key != "branchChildren"} if isinstance(chunk, dict) else chunk


def _nodes(value: Json) -> list[Node]:
    """The system instruction, if it says anything, and the chunks. A chunk may be a bare string."""
    prompt = value.get("chunkedPrompt")
    chunks = list_nodes(prompt.get("chunks") if isinstance(prompt, dict) else None, *_CHUNKS, id="id")
    chunks = [node._replace(value={"text": node.value}) if isinstance(node.value, str) else node for node in chunks]
    system = value.get(_SYSTEM, {})
    if system == {}:
        return chunks
    said = {"text": system} if isinstance(system, str) else system
    return [Node((_SYSTEM,), None if said is None else {_SYSTEM: said}), *chunks]


def _head(fields: Fields, desk: Desk) -> Head:
    fields.identifier("id")
    settings = fields.inner("runSettings")
    model = settings.optional("model") if settings else None
    title, created, updated = fields.text("title", "displayName"), fields.time("createTime"), fields.time("updateTime")
    return Head(title, created, updated, model=model)


def _message(fields: Fields, desk: Desk) -> Draft:
    if _SYSTEM in fields.left:
        system = fields.inner(_SYSTEM)
        parts = _content(system, desk) if system else []
        fields.tidy(_SYSTEM)
        return Draft("system", fields.time("createTime"), parts)
    fields.identifier("id")
    role, time = role_of(fields.text("role"), WORDS), fields.time("createTime")
    return Draft(role, time, _content(fields, desk))


def _content(fields: Fields, desk: Desk) -> list[Part]:
    """What a chunk says, in the order in which AI Studio shows it."""
    thought, text = fields.left.get("isThought") is True, fields.text("text")
    parts: list[Part] = [_words(text, thought, Fields({}))] if text else []
    parts += _more(fields, text, thought, desk)
    parts += _held(fields, desk)
    grounding = fields.inner("grounding")
    if grounding is not None:
        parts += [_source(source) for source in grounding.items("groundingSources")]
    if fault := fields.text("errorMessage"):
        parts.append(Opaque("errorMessage", fault))
    fields.tidy("grounding")
    return parts


def _words(text: str, thought: bool, rest: Fields) -> Part:
    return Reasoning(text, extra=rest.left) if thought else Text(text, extra=rest.left)


def _more(fields: Fields, text: str, thought: bool, desk: Desk) -> list[Part]:
    """`parts` say again what `text` says, as it came from the model; what repeats it stays beside it, the rest are parts."""
    repeated: list[Json] = []
    parts: list[Part] = []
    here = 0
    for item in fields.items("parts"):
        said = item.get("text") if isinstance(item, dict) else None
        at = text.find(said, here, here + len(said) + _NEAR) if isinstance(said, str) and said else -1
        if isinstance(said, str) and at >= 0:
            repeated.append(item)
            here = at + len(said)
            continue
        if not isinstance(item, dict):
            parts.append(Opaque("part", item))
            continue
        rest = Fields(item)
        mulled = rest.left.get("thought") is True or thought
        words = rest.text("text")
        held = _held(rest, desk)
        if words:
            parts.append(_words(words, mulled, rest))
        elif rest.left or not held:
            desk.unknown.note("chunkedPrompt.chunks.parts")
            parts.append(Opaque("part", item if not held else rest.left))
        parts += held
    if repeated:
        fields.left["parts"] = repeated
    return parts


def _held(fields: Fields, desk: Desk) -> list[Part]:
    """What a chunk or a part holds beside words: code and what came of it, calls, files, videos."""
    parts: list[Part] = []
    for key in list(fields.left):
        value = fields.left[key]
        made = _part(key, value, desk) if isinstance(value, dict) and value else None
        if made is not None:
            del fields.left[key]
            parts.append(made)
    return parts


def _part(key: str, value: dict[str, Json], desk: Desk) -> Part | None:
    inner = Fields(value)
    if key == "executableCode":
        return ToolCall(key, value)
    if key == "codeExecutionResult":
        failed = isinstance(value.get("outcome"), str) and value["outcome"] != "OUTCOME_OK"
        return ToolResult(inner.text("output"), "executableCode", error=failed, extra=inner.left)
    if key == "functionCall":
        return ToolCall(inner.text("name"), inner.left.pop("args", None), inner.identifier("id"), inner.left)
    if key == "functionResponse":
        return ToolResult(name=inner.optional("name"), call=inner.identifier("id"), extra=inner.left)
    if key == "youtubeVideo" and isinstance(value.get("id"), str):
        return Uri(f"https://www.youtube.com/watch?v={inner.text('id')}", extra={key: value})
    kind = key.removeprefix("inline").removeprefix("drive").lower()
    media = kind if kind in MEDIA else "file"
    if key.startswith("inline") and isinstance(value.get("data"), str):
        return _inline(key, value, media, desk)
    if key.startswith("drive") and isinstance(value.get("id"), str):
        return _in_drive(inner, media, desk)
    return None


def _inline(key: str, value: dict[str, Json], media: str, desk: Desk) -> File:
    """Bytes that stand in the chunk as base64, and stay there."""
    media_type = value["mimeType"] if isinstance(value.get("mimeType"), str) else ""
    word = media_type.partition("/")[0]
    pointer = digest_of(value["data"])
    return desk.attach(pointer, word if word in MEDIA else media, media_type=media_type, missing=INLINE, extra={key: value})


def _in_drive(fields: Fields, media: str, desk: Desk) -> File:
    pointer, name, media_type = fields.text("id"), fields.text("name"), fields.left.get("mimeType")
    media_type = media_type if isinstance(media_type, str) else ""
    missing = "its bytes are in Google Drive, under an id that no file of the folder tells"
    return desk.attach(pointer, media, name=name, media_type=media_type, missing=missing, extra=fields.left)


def _source(value: Json) -> Part:
    if not isinstance(value, dict):
        return Opaque("groundingSource", value)
    fields = Fields(value)
    return Citation(fields.text("uri"), fields.text("title"), extra=fields.left)


_PROMPTS = Dialogue(NAME, _identify, _nodes, _head, _message, known_head=_KNOWN_HEAD, known_message=_KNOWN_CHUNK)
