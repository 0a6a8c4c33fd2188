"""Grok: the export of an xAI account, a folder `ttl/30d/export_data/<account>/`.

`prod-grok-backend.json` holds conversations, projects, tasks and media_posts. A response comes wrapped ({"response", "share_link"})
or flat, a conversation too ({"conversation", "responses"}, or its fields beside the responses); a response's id is `_id` or
`response_id`; times are ISO strings or MongoDB's {"$date": {"$numberLong": milliseconds}}. What was uploaded or generated lies
beside it as `prod-mc-asset-server/<asset id>/content`, most of it named by no response. Tasks (prompts on a schedule) and media
posts (pictures made outside of chats) are conversations of one message here.

Shapes: formats.md 5; the samples of openwebui-importer and polylogue; the field lists that Portable AI Memory and cloudig measured
on real exports. No task has been seen yet: its fields are a guess, and all of them are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from decimal import Decimal

from souviens.canon import Instant, epoch, make_id, sha256
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import beginnings
from souviens.formats._content import MEDIA
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, kept, list_nodes, loaded, refused, role_of
from souviens.formats._document import BESIDE, is_any, read_beside, with_beside
from souviens.formats._fields import NOT_A_NUMBER, NOT_UTF8, Fields, Unknown, id_of, name_type, note
from souviens.jsonspan import Glue, Slice, cut_elements, cut_members
from souviens.records import (
    Citation,
    Extra,
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
    Topic,
    Treatment,
)

NAME = "grok"
TITLE = "Grok (xAI) export"
READER = 2
SUPPORT = "real"
WORDS = {"human": "user", "ASSISTANT": "assistant"}
GUIDE = Guide(
    get=("accounts.x.ai > Data", "Download account data", "the link comes by mail; the zip holds prod-grok-backend.json"),
    notes=(
        "Chats with Grok on X are in X's own archive, not in this one.",
        "Grok takes no chats or memories in.",
    ),
)
# Key of the backend file -> kind of its slices. The conversations come first: they may be of any size.
_KINDS = {"conversations": "conversation", "projects": "project", "tasks": "task", "media_posts": "media_post"}
_PRIVATE = ("prod-mc-auth", "prod-mc-billing")
_MAGIC = (
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"%PDF-", "application/pdf"),
)
_LOOKS = {"text": "text/plain", "html": "text/html", "object": "application/json", "array": "application/json"}
_APART = ("conversation", "responses")
_IDS, _CONVERSATION_IDS, _PROJECT_IDS = ("_id", "response_id", "id"), ("id", "conversation_id"), ("workspace_id", "id")
_CARD = re.compile(r"<xai:(tool_usage_card_id|tool_name)>(.*?)</xai:\1>", re.DOTALL)
_KNOWN_HEAD = frozenset({
    "user_id", "anon_user_id", "x_user_id", "system_prompt_id", "system_prompt_name", "temporary", "leaf_response_id", "summary",
    "asset_ids", "root_asset_id", "starred", "media_types", "controller", "task_result_id", "team_id", "shared_with_team",
    "shared_with_user_ids", "organization_id", "kind",
})  # fmt: skip
_KNOWN_RESPONSE = frozenset({
    "message", "sender", "model", "create_time", "parent_response_id", "thinking_trace", "agent_thinking_traces", "steps",
    "generated_image_urls", "image_attachments", "file_attachments", "card_attachments_json", "cited_web_search_results",
    "conversation_id", "manual", "partial", "shared", "query", "query_type", "web_search_results", "xpost_ids", "debug_log",
    "is_control", "image_edit_uri", "image_edit_uris", "xai_user_id", "xai_anon_user_id", "error", "media_types", "webpage_urls",
    "metadata", "thinking_start_time", "thinking_end_time", "file_uris",
})  # fmt: skip
_KNOWN_PROJECT = frozenset({"user_id", "kind", "icon", "last_use_time", "preferred_model", "conversation_starters"})
_KNOWN_ASIDE = frozenset({"user_id", "media_type"})


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "account": the backend file. "conversations", "conversation": what somebody took out of it."""
    kinds = {_kind(entry) for entry in delivery.entries if not _is_asset(entry)}
    return next((shape for shape in ("account", "conversations", "conversation") if shape in kinds), None)


def _kind(entry: Entry) -> str:
    seen = peek(entry)
    if seen.look == "array":
        chats = seen.sample if isinstance(seen.sample, list) else []
        return "conversations" if is_any(entry, chats, _is_conversation) else ""
    if seen.look not in ("object", "lines"):
        return ""
    if _is_conversation(seen.first):
        return "conversation"
    held = seen.first.get("conversations")
    ours = isinstance(held, list) and is_any(entry, held, _is_conversation, "conversations")
    return "account" if ours or seen.has("conversations", "projects", "media_posts") else ""


def _is_conversation(value: Json) -> bool | None:
    """Perplexity and an old ChatGPT have `conversations` too; only Grok's hold `responses` beside a `conversation`. None for what
    says nothing of it."""
    if not isinstance(value, dict) or not value:
        return None
    held = value.get("responses")
    responses = list(held.values()) if isinstance(held, dict) else held
    if not isinstance(responses, list):
        return None if "responses" in value else False
    wrapped = any(isinstance(item, dict) and isinstance(item.get("response"), dict) for item in responses)
    return True if wrapped or isinstance(value.get("conversation"), dict) else None if not responses else False


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """The backend file is cut, logins and billing are withheld, assets are kept whether or not anything names them."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        if _is_asset(entry):
            continue
        if _kind(entry):
            found[entry.name] = "cut"
        elif _is_private(entry, delivery.peek(entry)):
            found[entry.name] = "withhold"
    return found


def _is_asset(entry: Entry) -> bool:
    *folders, last = entry.name.split("/")
    return bool(folders) and last.partition(".")[0] == "content"


def _is_private(entry: Entry, seen: Peek) -> bool:
    user = seen.first.get("user")
    return (
        entry.name.rpartition("/")[2].startswith(_PRIVATE)
        or seen.has("balance_map")
        or seen.has("sessions")
        or (isinstance(user, dict) and "email" in user)
    )


def sidecars(delivery: Delivery) -> dict[str, Json]:
    """The asset store: asset id -> [its file, what its first bytes say it is, its size]."""
    found: dict[str, Json] = {}
    for entry in delivery.entries:
        if _is_asset(entry):
            found[entry.name.split("/")[-2]] = [entry.name, _sniffed(delivery.peek(entry)), entry.size]
    return found


def _sniffed(seen: Peek) -> str:
    said = next((said for start, magic, said in _MAGIC if seen.head[start : start + len(magic)] == magic), "")
    return said or _LOOKS.get(seen.look, "")


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """The elements of all four arrays of the backend file, and what it says beside them; of the other shapes the conversations."""
    account = _kind(entry) == "account"
    with entry.open() as stream:
        if account:
            yield from with_beside(cut_members(stream, path=entry.name, kinds=_KINDS), entry.name, _KINDS)
        else:
            yield from cut_elements(stream, path=entry.name, kind="conversation")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """A conversation, a task or a post as a conversation, a project as a topic; what is none of them is refused or counted."""
    if slice.kind == BESIDE:
        return read_beside(slice)
    slice = loaded(slice)
    if isinstance(slice.value, dict) and _is_several(slice.value):
        return refused(slice, "an object of objects where an array should be", "source")
    return _project(slice) if slice.kind == "project" else _dialogue(slice).read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return {} if slice.kind in ("project", BESIDE) else _dialogue(slice).locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """A project's slice is wholly its own. Of messages nothing is repeated."""
    told = read(slice, {}).topics if slice.kind == "project" else ()
    return [Place(()) for topic in told if topic.id in ids]


def _is_several(value: dict[str, Json]) -> bool:
    """Whether it is not one thing, but an object that has several."""
    return bool(value) and not value.keys() & set(_APART) and all(isinstance(held, dict) and held for held in value.values())


def _dialogue(slice: Slice) -> Dialogue:
    return _CONVERSATIONS if slice.kind == "conversation" else _ASIDE


def _id_of(value: Json, keys: tuple[str, ...]) -> str | None:
    """The first of these that is an id."""
    ids = (id_of(value.get(key)) for key in keys) if isinstance(value, dict) else ()
    return next((id for id in ids if id), None)


def _time(fields: Fields, key: str) -> Instant:
    """An ISO string, or MongoDB's {"$date": …} around milliseconds or a string."""
    value = fields.left.get(key)
    for step in ("$date", "$numberLong"):
        if isinstance(value, dict) and value.keys() == {step}:
            value = value[step]
    if isinstance(fields.left.get(key), dict) and isinstance(value, (int, Decimal, str)) and not isinstance(value, bool):
        del fields.left[key]
        return epoch(value, unit=1000)
    return fields.epoch(key)


def _asset(desk: Desk, pointer: str, media: str, extra: Extra | None = None) -> File:
    """A file that a response names by its asset id or by a path with the id in it."""
    ids = (step.partition(".")[0] for step in reversed(pointer.split("/")))
    held = next((desk.sidecars[id] for id in ids if id in desk.sidecars), None)
    if held is None:
        return desk.attach(pointer, media, extra=extra)
    member, media_type, size = held
    seen = media_type.partition("/")[0]
    media = seen if seen in MEDIA else media
    return desk.attach(pointer, media, media_type=media_type, size=size, member=member, extra=extra)


# --- conversations ----------------------------------------------------------------------------------------------------


def _identify(slice: Slice) -> Identity:
    """The provider's id, else the title and when it began; if it does not say that, all that no erasure changes."""
    value = loaded(slice).value
    head = _own(value)
    words = [head[key] for key in ("title", "create_time") if isinstance(head.get(key), str)]
    if (id := _id_of(head, _CONVERSATION_IDS)) or isinstance(head.get("create_time"), str):
        return Identity(id, tuple(words))
    where = beginnings(slice.data, "responses")
    return Identity(None, (*words, kept(slice, _nodes(value)), where) if head else (where,))


def _own(value: dict[str, Json]) -> dict[str, Json]:
    """What a conversation says of itself: apart, or beside its responses."""
    head = value.get("conversation")
    return head if isinstance(head, dict) else {key: held for key, held in value.items() if key not in _APART}


def _nodes(value: Json) -> list[Node]:
    held = value.get("responses")
    bodies = map(_body, held.values() if isinstance(held, dict) else held if isinstance(held, list) else ())
    named = any("parent_response_id" in body for body in bodies)
    nodes = list_nodes(held, "responses", parent=_parent if named else None)
    return [node._replace(id=_id_of(_body(node.value), _IDS) or node.id) for node in nodes]


def _parent(item: dict[str, Json]) -> str | None:
    return _id_of(_body(item), ("parent_response_id",))


def _body(item: Json) -> dict[str, Json]:
    """The response itself, wrapped or flat."""
    inner = item.get("response") if isinstance(item, dict) else None
    return inner if isinstance(inner, dict) else item if isinstance(item, dict) else {}


def _head(fields: Fields, desk: Desk) -> Head:
    inner = fields.inner("conversation") or fields
    own = _id_of(inner.left, _CONVERSATION_IDS)
    for key in _CONVERSATION_IDS:
        inner.drop_id(key, own)
    title, created, updated = inner.text("title"), _time(inner, "create_time"), _time(inner, "modify_time")
    leaf = id_of(inner.left.get("leaf_response_id"))
    tip = desk.message(leaf) if leaf else None
    project = inner.identifier("workspace_id")
    if project:
        desk.topics.append(Topic(make_id("t", NAME, project), "project", provider=NAME, provider_id=project))
    assets = inner.left.get("asset_ids")
    for asset in assets if isinstance(assets, list) else ():
        if isinstance(asset, str) and asset:
            _asset(desk, asset, "file")
    if inner is not fields:
        inner.rest(_KNOWN_HEAD, "conversation", desk.unknown)
        fields.tidy("conversation")
    return Head(
        title,
        created,
        updated,
        tip=tip if tip in desk.ids else None,  # often it names a response that is not in the export
        project=make_id("t", NAME, project) if project else None,
    )


def _message(fields: Fields, desk: Desk) -> Draft:
    wrapped = fields.inner("response")
    body = wrapped or fields
    for key in _IDS:
        body.drop_id(key, desk.node.id)
    body.identifier("parent_response_id")
    if make_id("c", NAME, str(body.left.get("conversation_id"))) == desk.conversation:
        del body.left["conversation_id"]
    sender, model, time = body.text("sender"), body.optional("model"), _time(body, "create_time")
    author = sender if sender.lower().startswith("grok") else None
    role = "assistant" if author else role_of(sender, WORDS)
    parts = [*_thoughts(body), *_steps(body)]
    if isinstance(body.left.get("message"), str) and (text := body.text("message")):
        parts.append(Text(text))
    for key, media in (("generated_image_urls", "image"), ("image_attachments", "image"), ("file_attachments", "file")):
        parts += [_file(item, media, desk) for item in body.several(key)]
    parts += [_card(item, desk) for item in body.several("card_attachments_json")]
    parts += [_cited(item) for item in body.several("cited_web_search_results")]
    if wrapped is not None:
        wrapped.rest(_KNOWN_RESPONSE, f"{desk.path}.response", desk.unknown)
        fields.tidy("response")
    return Draft(role, time, parts, author, model or author)


def _thoughts(body: Fields) -> Iterator[Part]:
    if trace := body.text("thinking_trace"):
        yield Reasoning(trace)
    for item in body.several("agent_thinking_traces"):
        fields = Fields(item) if isinstance(item, dict) else None
        if fields is not None and (trace := fields.text("thinking_trace")):
            yield Reasoning(trace, extra=fields.left)
        else:
            yield Opaque("agent_thinking_trace", item)


def _steps(body: Fields) -> Iterator[Part]:
    """What a model did before it answered: texts under their tags, in the order the step gives them, and results of tools."""
    for item in body.several("steps"):
        fields = Fields(item) if isinstance(item, dict) else Fields({"step": item})
        tagged, order = fields.inner("tagged_text") or Fields({}), fields.left.get("tag_order")
        tags = list(dict.fromkeys([tag for tag in order if isinstance(tag, str)] if isinstance(order, list) else []))
        tags += [tag for tag in tagged.left if tag not in tags]
        said = [tag for tag in tags if isinstance(tagged.left.get(tag), str) and tagged.left[tag]]
        yield from (_tagged(tag, tagged.text(tag)) for tag in said)
        fields.drop("tag_order", said)
        for result in fields.items("tool_usage_results"):
            inner = Fields(result) if isinstance(result, dict) else Fields({"result": result})
            yield ToolResult(call=inner.optional("tool_usage_card_id"), extra=inner.left)
        if any(value not in (None, "", [], {}) for value in fields.left.values()):
            yield Opaque("step", fields.left)


def _tagged(tag: str, text: str) -> Part:
    if tag == "tool_usage_card":
        named = dict(_CARD.findall(text))
        return ToolCall(named.get("tool_name", "").strip(), text, named.get("tool_usage_card_id"), {"tag": tag})
    return ToolResult(text, extra={"tag": tag}) if tag == "raw_function_result" else Reasoning(text, extra={"tag": tag})


def _file(value: Json, media: str, desk: Desk) -> Part:
    pointer = value if isinstance(value, str) else _id_of(value, ("id", "asset_id", "file_metadata_id", "url"))
    if not pointer:
        return Opaque(media, value)
    return _asset(desk, pointer, media, value if isinstance(value, dict) else None)


def _card(value: Json, desk: Desk) -> Part:
    """A card that the text places by <grok:render>: JSON in a string. What it shows beside that string."""
    try:
        card = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        card = None
    if isinstance(card, dict):
        image, url, title = card.get("image_chunk"), card.get("url"), card.get("title")
        if isinstance(image, dict) and isinstance(image.get("imageUrl"), str) and image["imageUrl"]:
            return _asset(desk, image["imageUrl"], "image", {"card": value})
        if isinstance(url, str) and url:
            return Citation(url, title if isinstance(title, str) else "", extra={"card": value})
    return Opaque("card", value)


def _cited(value: Json) -> Part:
    if not isinstance(value, dict):
        return Opaque("citation", value)
    fields = Fields(value)
    return Citation(fields.text("url"), fields.text("title"), fields.text("preview", "description"), extra=fields.left)


_CONVERSATIONS = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=_KNOWN_HEAD.union(_APART),
    known_message=_KNOWN_RESPONSE | {"response", "share_link"},
)


# --- projects, tasks and media posts ----------------------------------------------------------------------------------


def _project(slice: Slice) -> Reading:
    """A project ("workspace"): its name and the instructions that it gives the model."""
    value, flaws = slice.value, slice.flaws
    reason = slice.damage or ("" if isinstance(value, dict) else f"not an object but {name_type(value)}")
    if flaws is not None and (flaws.unreal or flaws.bad_utf8):
        reason = NOT_A_NUMBER if flaws.unreal else NOT_UTF8
    if reason:
        return refused(slice, reason, "source")
    fields, unknown = Fields(value), Unknown()
    own, name = _id_of(value, _PROJECT_IDS), fields.text("name")
    for key in _PROJECT_IDS:
        fields.drop_id(key, own)
    summary, instructions = fields.text("description"), fields.text("custom_personality")
    created = _time(fields, "create_time")
    updated = _time(fields, "modify_time") if "modify_time" in fields.left else None
    extra = fields.rest(_KNOWN_PROJECT, "projects", unknown)
    if flaws is not None and flaws.surrogates:
        note(extra, "surrogates", [[path, escape] for path, escape in flaws.surrogates])
    if flaws is not None and flaws.duplicates:
        note(extra, "duplicate_keys", [[key, values] for key, values in flaws.duplicates])
    id = make_id("t", NAME, *([own] if own else ["", name or sha256(slice.data)]))
    topic = Topic(
        id, "project", name, NAME, own, summary=summary, instructions=instructions, created=created, updated=updated, extra=extra
    )
    return Reading(topics=(topic,), unknown=unknown)


def _identify_aside(slice: Slice) -> Identity:
    return Identity(_id_of(loaded(slice).value, ("id", "task_id")))


def _nodes_aside(value: Json) -> list[Node]:
    """The one message, which is all of the slice."""
    return [Node((), value, _id_of(value, ("id", "task_id")), None)]


def _message_aside(fields: Fields, desk: Desk) -> Draft:
    own = desk.node.id
    for key in ("id", "task_id"):
        fields.drop_id(key, own)
    text, link, word = fields.text("original_prompt", "prompt"), fields.text("link"), fields.left.get("media_type")
    parts: list[Part] = [Text(text)] if text else []
    media = next((media for media in MEDIA if isinstance(word, str) and media in word.lower()), "file")
    if own in desk.sidecars:  # a post is named like its picture
        parts.append(_asset(desk, str(own), media, {"link": link} if link else None))
    elif link:
        parts.append(_asset(desk, link, media))
    return Draft("user", _time(fields, "create_time"), parts, model=fields.optional("model"))


def _head_aside(fields: Fields, desk: Desk) -> Head:
    return Head()


_ASIDE = Dialogue(NAME, _identify_aside, _nodes_aside, _head_aside, _message_aside, known_message=_KNOWN_ASIDE)
