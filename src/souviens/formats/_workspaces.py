"""What tells a workspace of AnythingLLM, written on one line, from any other list of messages."""

from __future__ import annotations

from souviens.records import Json

PROMPT = "Given the following conversation, relevant context"  # how AnythingLLM's own system prompt begins


def is_workspace(value: dict[str, Json]) -> bool:
    """A workspace on one line: behind its system prompt everything in it is a list of texts and pictures, which no API asks for; in
    older versions a string, behind a system prompt that is known. Of an erased prompt null is left."""
    listed = value.get("messages")
    messages = [message for message in listed if isinstance(message, dict)] if isinstance(listed, list) else []
    if set(value) != {"messages"} or not messages or any(set(message) != {"role", "content"} for message in messages):
        return False
    first = messages[0]["content"]
    if isinstance(first, str):
        return messages[0]["role"] == "system" and first.startswith(PROMPT)
    items = [item for message in messages for item in _listed(message["content"])]
    prompted = messages != listed or messages[0]["role"] == "system"
    return prompted and all(isinstance(item, dict) and item.get("type") in ("text", "image") for item in items)


def _listed(content: Json) -> list[Json]:
    return content if isinstance(content, list) else [None]
