"""SillyTavern: its chats, JSON lines. The first line is a header, if it has no `mes`; each other line a message.

`swipes` are what a message could have been, of which `swipe_id` stands in `mes`: siblings. Branches and checkpoints are files of
their own, and conversations of their own; their `chat_metadata.main_chat` names the chat they left. A chat is known by the name of
its file, which is its title, and by whose it is: the character that its header names, else what its `chat_metadata` is known by
(`integrity`), else the folder it lies in; never by what can be erased. Characters' cards (PNG) are kept as they are. Times are
written in the spellings of many versions, mostly without a zone. Shapes: formats.md 6; public/script.js and RossAscends-mods.js of
SillyTavern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

import msgspec

from souviens.canon import Instant, epoch, rfc3339, unknown
from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Bytes, Guide
from souviens.formats._carving import json_lines, members, whole_text
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, Undecodable
from souviens.formats._fields import Fields
from souviens.jsonspan import Glue, Slice, locate
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Treatment

NAME = "sillytavern"
TITLE = "SillyTavern chats"
READER = 2
SUPPORT = "samples"
PLAIN = frozenset({"chat"})
GUIDE = Guide(
    get=(
        "Manage chat files > Export to JSONL, a file a chat",
        "or give the folders `chats` and `group chats` of SillyTavern's data/<user>",
    ),
    notes=("Pictures lie in data/<user>/user/images: give the whole folder to take them in.",),
)
_LINES = "lines"
_SPEAKER = {"name", "is_user", "is_system"}
_SHARED = {"name", "send_date", "swipes", "swipe_info"}  # fields of a line that say something of all its swipes


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "chats": at least one chat."""
    return "chats" if any(_is_chat(delivery.peek(entry)) for entry in delivery.entries) else None


def _is_chat(seen: Peek) -> bool:
    if seen.look not in ("lines", "object"):
        return False
    lines = seen.sample if isinstance(seen.sample, list) else [seen.sample]
    objects = [line for line in lines if isinstance(line, dict)]
    return any({"mes", "is_user"} <= line.keys() or {"chat_metadata", "character_name"} <= line.keys() for line in objects)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Chats are cut; keys, and settings, which hold passwords of proxies, are withheld."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _is_chat(seen):
            found[entry.name] = "cut"
        elif any(key.startswith("api_key") for key in seen.keys) or seen.has("power_user"):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """The delivery's files, by the last two steps of their names."""
    return {"/".join(entry.name.split("/")[-2:]): entry.name for entry in delivery.entries}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    return whole_text(entry, "chat")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    slice, _ = _lined(slice)
    nodes, tip = _graph(slice.value[_LINES])
    return _CHATS.read(slice, {"files": sidecars, "title": _title(slice), "tip": tip if nodes else None})


def value(slice: Slice) -> Json:
    """What a slice says, as JSON."""
    return _lined(slice)[0].value


_HOLE = 12  # spaces: no message is shorter, and an erased one is a line of them


def _lined(slice: Slice) -> tuple[Slice, list[tuple[int, int]]]:
    """A chat as JSON, and where its lines stand. One that was always blank, which no erasure left, is an empty `Undecodable`."""
    lined, spans = json_lines(slice, _LINES)
    lines = zip(lined.value[_LINES], spans, strict=True)
    lined.value[_LINES] = [Undecodable() if line is None and end - start < _HOLE else line for line, (start, end) in lines]
    return lined, spans


def _told(lines: list[Json]) -> list[tuple[int, Json]]:
    """The lines that are not blank, with their places."""
    return [(number, line) for number, line in enumerate(lines) if line != ""]


def _title(slice: Slice) -> str:
    return slice.path.rpartition("/")[2].removesuffix(".jsonl")


def _identify(slice: Slice) -> Identity:
    header = _header(slice.value[_LINES])
    created = header.get("create_date")
    return Identity(None, (_title(slice), _owner(slice, header), created if isinstance(created, str) else ""))


def _owner(slice: Slice, header: dict[str, Json]) -> str:
    """Whose a chat is. Newer versions name nobody in the header."""
    name, metadata = header.get("character_name"), header.get("chat_metadata")
    if isinstance(name, str) and name not in ("", "unused"):
        return name
    mark = metadata.get("integrity") if isinstance(metadata, dict) else None
    folder = "/".join(slice.path.split("/")[-2:-1])
    return mark if isinstance(mark, str) and mark else "" if folder in ("chats", "group chats") else folder


def _header(lines: list[Json]) -> dict[str, Json]:
    first = next((line for _, line in _told(lines)), None)
    return first if isinstance(first, dict) and "mes" not in first else {}


def _graph(lines: list[Json]) -> tuple[list[Node], int]:
    """The messages, each below the one that was chosen before it, and the place of the last that was chosen."""
    nodes: list[Node] = []
    above: int | None = None
    told = _told(lines)
    for number, line in told[1:] if _header(lines) else told:
        first, chosen = len(nodes), _chosen(line)
        if chosen < 0:
            nodes.append(Node((_LINES, number), line, parent=above, order=0, key=_key(line)))
        else:
            swipes = [_swipe(line, number, place, place == chosen) for place in range(len(line["swipes"]))]
            nodes += [node._replace(parent=above, order=place) for place, node in enumerate(swipes)]
        above = first + max(chosen, 0)
    return nodes, above or 0


def _chosen(line: Json) -> int:
    """Which of several swipes a line shows; -1 if it has no others, or does not say."""
    swipes, number = (line.get("swipes"), line.get("swipe_id")) if isinstance(line, dict) else (None, None)
    if not isinstance(swipes, list) or len(swipes) < 2 or type(number) is not int:
        return -1
    return number if 0 <= number < len(swipes) else -1


def _swipe(line: dict[str, Json], number: int, place: int, chosen: bool) -> Node:
    """One of the things that a message could have been. What is blanked of it leaves a hole, and the others as they were."""
    swipes, infos = line["swipes"], line.get("swipe_info")
    told = infos if isinstance(infos, list) else []
    info = told[place : place + 1]
    if chosen:
        own = {**line, "swipes": swipes[place : place + 1]}
        if isinstance(infos, list):
            own["swipe_info"] = info + told[len(swipes) :]
    else:
        own = {key: member for key, member in line.items() if key in _SPEAKER} | {"mes": swipes[place], "swipe_info": info}
    dated = info[0] if info and isinstance(info[0], dict) and "send_date" in info[0] else line
    path = (_LINES, number) if chosen else (_LINES, number, "swipes", place)
    return Node(path, None if _is_blank(own.get("mes")) else own, key=_key({**own, "send_date": dated.get("send_date")}))


def _is_blank(text: Json) -> bool:
    """Whether these are the spaces that an erasure leaves."""
    return isinstance(text, str) and text != "" and not text.strip(" ")


def _key(line: Json) -> Json:
    """What stays of a message when another swipe is chosen."""
    return [line.get(key) for key in ("name", "is_user", "send_date", "mes")] if isinstance(line, dict) else None


def _nodes(value: Json) -> list[Node]:
    return _graph(value[_LINES])[0]


def _head(fields: Fields, desk: Desk) -> Head:
    left = fields.left.pop(_LINES, None)
    header = Fields(_header(left) if isinstance(left, list) else {})
    created = _moment(header, "create_date")
    fields.left |= header.left
    tip = desk.sidecars["tip"]
    return Head(desk.sidecars["title"], created, tip=None if tip is None else desk.ids[tip])


# --- a message --------------------------------------------------------------------------------------------------------


def _message(fields: Fields, desk: Desk) -> Draft:
    """A line, or one of its swipes, which has its own time and `extra`."""
    swipe = _taken_swipe(fields)
    dated = swipe if "send_date" in swipe.left else fields
    aside = swipe.inner("extra") if "extra" not in fields.left else fields.inner("extra")
    told = aside or Fields({})
    time, role, thought = _moment(dated, "send_date"), _role(fields.left, told.left), told.text("reasoning")
    model = told.optional("model") or _model(swipe.left.get("extra"))
    parts: list[Part] = [Reasoning(thought)] if thought else []
    if isinstance(fields.left.get("mes"), str):
        parts += [Text(text)] if (text := fields.text("mes")) else []
    parts += _files(told, desk)
    for call in told.items("tool_invocations"):
        parts += _tool(call)
    fields.tidy("extra")
    return Draft(role, time, parts, author=fields.optional("name"), model=model)


def _taken_swipe(fields: Fields) -> Fields:
    """What `swipe_info` says of the swipe, to be taken apart where it lies."""
    infos = fields.left.get("swipe_info")
    if not isinstance(infos, list) or not infos or not isinstance(infos[0], dict):
        return Fields({})
    own = Fields(infos[0])
    fields.left["swipe_info"] = [own.left, *infos[1:]]
    return own


def _model(extra: Json) -> str | None:
    model = extra.get("model") if isinstance(extra, dict) else None
    return model if isinstance(model, str) and model else None


def _role(line: dict[str, Json], told: dict[str, Json]) -> str:
    """`is_system` also marks what is kept from the model: words that a model wrote are its answer all the same."""
    if line.get("is_user") is True:
        return "user"
    written = any(told.get(key) for key in ("model", "api", "tool_invocations")) or bool(line.get("gen_started"))
    return "system" if told.get("type") == "narrator" or (line.get("is_system") is True and not written) else "assistant"


def _files(told: Fields, desk: Desk) -> list[Part]:
    """Pictures and files: `image` and `file` of one, `media` and `files` of several."""
    image = told.left.pop("image") if isinstance(told.left.get("image"), str) and told.left["image"] else None
    parts: list[Part] = [_attached(image, "image", {}, desk)] if isinstance(image, str) else []
    for item in [
        *([told.left.pop("file")] if isinstance(told.left.get("file"), dict) else []),
        *told.items("files"),
        *told.items("media"),
    ]:
        fields = Fields(item if isinstance(item, dict) else {})
        url, kind = fields.text("url"), fields.left.get("type")
        parts.append(_attached(url, kind if isinstance(kind, str) else "file", fields.left, desk) if url else Opaque("file", item))
    return parts


def _attached(url: str, kind: str, left: dict[str, Json], desk: Desk) -> Part:
    """A file by its path below the user's folder; bytes that are written in its place are named by their beginning only."""
    fields = Fields(left)
    return desk.attach(
        url,
        kind if kind in ("image", "audio", "video") else "file",
        name=fields.text("name"),
        member=desk.sidecars["files"].get("/".join(url.split("/")[-2:])),
        missing="its file was not given",
        extra=fields.left,
    )


def _tool(value: Json) -> list[Part]:
    fields = Fields(value if isinstance(value, dict) else {})
    name, call = fields.text("name"), fields.identifier("id")
    if not name:
        return [Opaque("tool_invocation", value)]
    made = ToolCall(name, fields.left.pop("parameters", None), call, fields.left)
    answer = fields.left.pop("result", None)
    if answer is None:
        return [made]
    return [
        made,
        ToolResult(answer, name, call) if isinstance(answer, str) else ToolResult("", name, call, extra={"result": answer}),
    ]


_NAMED = re.compile(r"([A-Za-z]+)\.? (\d{1,2}), (\d{4}) (\d{1,2}):(\d{2})(?::(\d{2}))? ?([ap]m)", re.IGNORECASE)
_MARKED = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@ ?(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s(?: ?(\d{1,3})ms)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _moment(fields: Fields, key: str) -> Instant:
    """A time as any version wrote it: milliseconds, ISO, "August 1, 2026 10:00am", "2026-08-01@10h00m00s123ms"."""
    given = fields.left.get(key)
    if not isinstance(given, str):
        return fields.epoch(key)
    del fields.left[key]
    text = given.strip()
    if text.isdecimal():
        return epoch(given, unit=1000 if len(text) > 11 else 1)
    if match := _MARKED.fullmatch(text):
        year, month, day, hour, minute, second, ms = (int(group or 0) for group in match.groups())
    elif (match := _NAMED.fullmatch(text)) and match[1][:3].lower() in _MONTHS:
        day, year, minute, second, ms = int(match[2]), int(match[3]), int(match[5]), int(match[6] or 0), 0
        month, hour = _MONTHS.index(match[1][:3].lower()) + 1, int(match[4]) % 12 + 12 * (match[7].lower() == "pm")
    else:
        return rfc3339(given)
    told = rfc3339(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}")
    return msgspec.structs.replace(told, given=given) if told.us is not None else unknown("not a date", given)


_CHATS = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset({"character_name", "chat_metadata", "create_date", "user_name"}),
    known_message=frozenset(
        {
            "extra",
            "force_avatar",
            "gen_finished",
            "gen_started",
            "is_group",
            "is_name",
            "is_system",
            "is_user",
            "mes",
            "original_avatar",
            "send_date",
            "swipe_id",
            "swipe_info",
            "swipes",
            "title",
            "variables",
        }
    ),
)


# --- where it stands --------------------------------------------------------------------------------------------------


def locations(slice: Slice) -> dict[str, Bytes]:
    """A line; of one with several swipes the words of the one that is meant."""
    return {id: places[0] for id, places in _places(slice).items()}


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    """What else a line says of one of its swipes: the message's own fields, or the swipe's."""
    return [place for id, places in _places(slice).items() if id in ids for place in places[1:]]


def _places(slice: Slice) -> dict[str, list[Bytes]]:
    lined, spans = _lined(slice)
    lines = lined.value[_LINES]
    found = {}
    for id, path in _CHATS.locations(lined).items():
        number = int(path[1])
        start, end = spans[number]
        chosen = _chosen(lines[number])
        whole = [Bytes(start, end)]
        if chosen < 0:
            found[id] = whole
            continue
        place = int(path[3]) if len(path) > 2 else chosen
        inside = _insides(slice.data[start:end], place, place == chosen)
        found[id] = [Bytes(start + at.start, start + at.end) for at in inside] or whole
    return found


def _insides(line: bytes, place: int, chosen: bool) -> list[Bytes]:
    """The insides of what a line says of one swipe, its words first; none if it has no words that can be blanked alone."""
    spans = [locate(line, ("swipes", place)), locate(line, ("swipe_info", place))]
    if chosen:
        spans[:0] = [locate(line, ("mes",))]
        spans += [(start, end) for key, start, end in members(line) if key not in _SHARED | {"mes"}]
    if spans[0] is None or line[spans[0][0] : spans[0][0] + 1] != b'"' or spans[0][1] - spans[0][0] < 3:
        return []
    held = [span for span in spans if span is not None and line[span[0] : span[0] + 1] in (b'"', b"{", b"[")]
    return [Bytes(start + 1, end - 1) for start, end in held if end - start > 2]
