"""Lists of messages as APIs, chat templates and datasets take them, a conversation a line or in an array, and one list by itself.

    {"messages": [{role, content, tool_calls}]}           OpenAI's Chat Completions and Hugging Face chat templates
    {"system": …, "messages": [{role, content: [block]}]} Anthropic's Messages
    {"conversations": [{"from", "value"}], "system": …}   ShareGPT
    [{role, content}]                                     the bare list

They have no titles and no times, and an id at most of the row. So each is known by all it says: one that was continued since is
another. What a model is told to be (system, developer) is hidden, as nobody saw it.

Anthropic's results of tools stand in the person's next message: each is a message of its own here, as it is everywhere else. Of
ShareGPT, thoughts in <think> tags and calls as JSON are taken out of the words, which `extra` keeps as they were.

A list that lies beside other files is somebody's attachment: only a delivery of nothing but such lists is claimed.

Shapes: openai-python `types/chat`, anthropic-sdk-python `types`, transformers `chat_extras.md`, LLaMA-Factory `data/converter.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from souviens.canon import unknown
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import AGAIN, Kind, cut_lines, mark_of, marked, told_again
from souviens.formats._content import content_parts, tool_call, tool_result
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, Path, loaded, refused, role_of
from souviens.formats._fields import Fields
from souviens.formats._workspaces import is_workspace
from souviens.jsonspan import Glue, Slice, cut_elements, decode, whole
from souviens.records import Head, Json, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Treatment

NAME = "messages"
TITLE = "Message lists (OpenAI, Anthropic, Hugging Face, ShareGPT)"
READER = 2
SUPPORT = "documented"
WORDS = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "observation": "tool",
    "function_call": "assistant", "function": "tool", "tool_result": "tool", "tool_use": "tool_call", "thinking": "reasoning",
    "image_url": "image",
}  # fmt: skip
GUIDE = Guide(
    get=("what `souviens move --to openai`, `anthropic`, `hf` or `sharegpt` wrote, a dataset for fine-tuning, or a saved request",),
    notes=(
        "Such lists have no titles and no times.",
        "A list that was continued since comes as another conversation beside the older one.",
    ),
)
_LISTS = ("messages", "conversations")
_HEAD = frozenset({
    *_LISTS, "system", "tools", "functions", "id", "model", "source", "metadata", "max_tokens", "temperature", "tool_choice",
    "parallel_tool_calls", "response_format", "stream", "top_p", "thinking", "images",
})  # fmt: skip
_MESSAGE = frozenset({
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "reasoning_content", "reasoning", "thinking",
    "refusal", "audio", "annotations", "weight", "train", "prefix",
})  # fmt: skip
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_SAID_BY = ("human", "user", "gpt", "chatgpt", "assistant", "model", "system", "observation", "tool", "function_call")
_THOUGHT = re.compile(r"<think>\n?(.*?)\n?</think>\s*", re.DOTALL)


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "list": one bare list. "sharegpt": turns that are from somebody. "messages": all others."""
    kinds = [_kind(delivery.peek(entry)) for entry in delivery.entries]
    return next((shape for shape in ("messages", "sharegpt", "list") if shape in kinds), None) if all(kinds) else None


def _kind(seen: Peek) -> str:
    if seen.look not in ("array", "object", "lines"):
        return ""
    items = seen.sample if isinstance(seen.sample, list) else [seen.sample]
    if seen.look == "array" and any(map(_is_message, items)):
        return "list"
    return next((shape for item in items if (shape := _shape(item))), "")


def _shape(value: Json) -> str:
    if isinstance(value, list):
        return "messages" if any(map(_is_message, value)) else ""
    if not isinstance(value, dict) or not value.keys() <= _HEAD:
        return ""
    messages, turns = (held if isinstance(held := value.get(key), list) else [] for key in _LISTS)
    if any(map(_is_message, messages)):
        return "" if is_workspace(value) else "messages"
    return "sharegpt" if any(map(_is_turn, turns)) else ""


def _is_message(value: Json) -> bool:
    if not isinstance(value, dict) or not value.keys() <= _MESSAGE or value.get("role") not in _ROLES:
        return False
    return not value.keys().isdisjoint(("content", "tool_calls", "function_call"))


def _is_turn(value: Json) -> bool:
    return isinstance(value, dict) and "value" in value and value.get("from") in _SAID_BY


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """A list with what stands beside it as one slice."""
    return marked(_pieces(entry), lambda slice: mark_of(slice.value, slice))


def _pieces(entry: Entry) -> Iterator[Glue | Slice]:
    seen = peek(entry)
    if seen.look == "lines":
        yield from cut_lines(entry, "conversation")
        return
    with entry.open() as stream:
        if _kind(seen) == "list":
            yield from whole(stream, path=entry.name, kind="conversation")
        else:
            yield from cut_elements(stream, path=entry.name, kind="conversation")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    slice = loaded(slice)
    if isinstance(slice.value, dict) and not any(isinstance(slice.value.get(key), list) for key in _LISTS):
        return refused(slice, "no list of messages in it")
    return told_again(slice, _DIALOGUE.read(slice, sidecars), AGAIN)


def locations(slice: Slice) -> dict[str, Path]:
    return _DIALOGUE.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """Of a message beside results, the other blocks: it stands where its first one does."""
    slice, places = loaded(slice), []
    for id, path in locations(slice).items():
        if id in ids and path[-2:-1] == ("content",):
            blocks = _at(slice.value, path[:-1])
            if not _is_result(blocks[path[-1]]):
                own = (number for number, block in enumerate(blocks) if block is not None and not _is_result(block))
                places += [Place((*path[:-1], number)) for number in own if number != path[-1]]
    return places


def _at(value: Json, path: Path) -> Json:
    for step in path:
        value = value[step]
    return value


def _identify(slice: Slice) -> Identity:
    return Identity(None, ("list", Kind.of(slice).mark or mark_of(loaded(slice).value, slice)))


def _key(value: Json) -> str:
    """Under which key the messages stand; "" if the value is the list itself."""
    return next((key for key in _LISTS if isinstance(value.get(key), list)), _LISTS[0]) if isinstance(value, dict) else ""


def _nodes(value: Json) -> list[Node]:
    key = _key(value)
    path: Path = (key,) if key else ()
    system = value.get("system") if isinstance(value, dict) else None
    nodes = [Node(("system",), {"system": system}, order=0, key="system")] if system else []
    items, order = value.get(key) if key else value, 1
    for place, item in enumerate(items if isinstance(items, list) else ()):
        found = _of_item((*path, place), item)
        for node in found:
            # The same words said twice are told apart by their place: it is as firm as where they begin, which names the list.
            own = [*node.path, node.value] if isinstance(node.value, dict) else None
            number = node.path[-1] if node.path[-2:-1] == ("content",) else 0
            nodes.append(node._replace(order=order + int(number), key=own))
        order += len(item["content"]) if found[0].path != (*path, place) else 1
    return nodes


def _of_item(path: Path, item: Json) -> list[Node]:
    """A message; with results of tools in it each of them, and the rest. Of erased ones null is left."""
    blocks = item.get("content") if isinstance(item, dict) else None
    if not isinstance(blocks, list) or not blocks:
        return [Node(path, item)]
    if any(block is not None for block in blocks) and not any(map(_is_result, blocks)):
        return [Node(path, item)]
    around = {key: held for key, held in item.items() if key != "content"}
    rest = [block for block in blocks if block is not None and not _is_result(block)]
    nodes: list[Node] = []
    for number, block in enumerate(blocks):
        here = (*path, "content", number)
        if block is None:
            nodes.append(Node(here, None))
        elif _is_result(block):
            nodes.append(Node(here, {**around, **block}))
        elif rest:
            nodes.append(Node(here, {**around, "content": rest}))
            rest = []
    return nodes


def _is_result(block: Json) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_result"


def _head(fields: Fields, desk: Desk) -> Head:
    for key in (*_LISTS, "rest"):  # what is left around results, which they and the rest of their message hold
        if isinstance(fields.left.get(key), list):
            del fields.left[key]
    return Head(model=fields.optional("model"))


def _message(fields: Fields, desk: Desk) -> Draft:
    if "system" in fields.left:
        return Draft("system", unknown("absent"), content_parts(fields.left.pop("system"), desk, "system"), visibility="hidden")
    if "value" in fields.left and "role" not in fields.left:
        return _turn(fields)
    if fields.left.get("type") == "tool_result":
        result = Fields(fields.left)
        fields.left = {}
        result.drop("type", "tool_result")
        return Draft("tool", unknown("absent"), [tool_result(result)])
    role = role_of(fields.text("role"), {"function": "tool"})
    parts: list[Part] = [Reasoning(thought)] if (thought := fields.text("reasoning_content", "reasoning", "thinking")) else []
    content, called = fields.left.pop("content", None), fields.left.get("function_call")
    if role == "tool":
        text = content if isinstance(content, str) else ""
        extra = {} if isinstance(content, str) or content is None else {"content": content}
        parts.append(ToolResult(text, fields.optional("name"), fields.optional("tool_call_id"), extra=extra))
    else:
        parts += content_parts(content, desk, f"{desk.path}.content".lstrip("."))
    parts += [tool_call(item) for item in fields.items("tool_calls")]
    if isinstance(called, dict):
        parts.append(tool_call(fields.left.pop("function_call")))
    hidden = role in ("system", "developer")
    return Draft(role, unknown("absent"), parts, fields.optional("name"), visibility="hidden" if hidden else "visible")


# --- ShareGPT ---------------------------------------------------------------------------------------------------------


def _turn(fields: Fields) -> Draft:
    who, value = fields.text("from"), fields.left.pop("value")
    role = role_of(who, WORDS)
    if not isinstance(value, str):
        return Draft(role, unknown("absent"), extra={} if value is None else {"value": value})
    if role == "tool":
        return Draft(role, unknown("absent"), [ToolResult(value)])
    parts: list[Part] = []
    words = value
    if role == "assistant" and (thought := _THOUGHT.match(value)) is not None:
        parts += [Reasoning(thought[1])] if thought[1] else []
        words = value[thought.end() :]
    calls = _calls(words) if who == "function_call" else []
    parts += calls or ([Text(words)] if words else [])
    extra = {"value": value} if calls or words != value else {}
    return Draft(role, unknown("absent"), parts, visibility="hidden" if role == "system" else "visible", extra=extra)


def _calls(words: str) -> list[ToolCall]:
    """The call, or the list of calls, that words are as JSON; none if they are not."""
    try:
        value = decode(words.encode("utf-8", "surrogatepass"))[0]
    except ValueError:
        return []
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        return []
    found = []
    for item in items:
        fields = Fields(item)
        found.append(ToolCall(fields.text("name"), fields.left.pop("arguments", None), extra=fields.left))
    return found


_DIALOGUE = Dialogue(NAME, _identify, _nodes, _head, _message, known_head=_HEAD, known_message=_MESSAGE, shape=None)
