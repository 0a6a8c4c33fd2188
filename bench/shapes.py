"""Big exports of several providers over the same synthetic conversations, for measuring readers. The words are drawn."""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.synthetic import Texts, conversation

Json = Any


class Turn(NamedTuple):
    """A message: its number in the conversation, its parent's, who speaks, what, and when in seconds since 1970."""

    id: str
    parent: str | None
    user: bool
    text: str
    time: float


class Chat(NamedTuple):
    id: str
    title: str
    time: float
    turns: list[Turn]


class Shape(NamedTuple):
    """How a provider writes a file of conversations: what stands before, one conversation, between two, and after."""

    name: str
    before: str
    one: Callable[[Chat], str]
    after: str
    between: str = ","


def chats(texts: Texts) -> Iterator[Chat]:
    """Endless conversations: thirty messages, one regenerated answer in ten."""
    for number in itertools.count():
        made: Json = conversation(texts, number)
        turns = []
        for node in made["mapping"].values():
            if (message := node["message"]) is not None:
                parent = node["parent"] if made["mapping"][node["parent"]]["message"] is not None else None
                text, user = message["content"]["parts"][0], message["author"]["role"] == "user"
                turns.append(Turn(node["id"], parent, user, text, message["create_time"]))
        yield Chat(made["id"], made["title"], made["create_time"], turns)


def write(shape: Shape, path: Path, megabytes: float) -> int:
    """Write a file of about that size; the number of messages in it."""
    size = count = 0
    with path.open("w", encoding="utf-8") as file:
        size += file.write(shape.before)
        for number, chat in enumerate(chats(Texts())):
            if size >= megabytes * 1e6:
                break
            size += file.write((shape.between if number else "") + shape.one(chat))
            count += len(chat.turns)
        file.write(shape.after)
    return count


def _iso(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- one conversation of each -----------------------------------------------------------------------------------------


def _claude(chat: Chat) -> str:
    messages = [
        {
            "uuid": turn.id,
            "text": turn.text,
            "content": [{"start_timestamp": _iso(turn.time), "type": "text", "text": turn.text, "citations": []}],
            "sender": "human" if turn.user else "assistant",
            "created_at": _iso(turn.time),
            "updated_at": _iso(turn.time),
            "attachments": [],
            "files": [],
            "parent_message_uuid": turn.parent or "00000000-0000-4000-8000-000000000000",
        }
        for turn in chat.turns
    ]
    head = {"uuid": chat.id, "name": chat.title, "created_at": _iso(chat.time), "updated_at": _iso(chat.time)}
    return json.dumps({**head, "account": {"uuid": "11111111-2222-4333-8444-555555555555"}, "chat_messages": messages})


def _deepseek(chat: Chat) -> str:
    mapping: dict[str, Json] = {"root": {"id": "root", "parent": None, "children": [], "message": None}}
    for turn in chat.turns:
        fragment = {"type": "REQUEST" if turn.user else "RESPONSE", "content": turn.text}
        message = {"files": [], "model": "deepseek-chat", "inserted_at": _iso(turn.time), "fragments": [fragment]}
        mapping[turn.id] = {"id": turn.id, "parent": turn.parent or "root", "children": [], "message": message}
        mapping[turn.parent or "root"]["children"].append(turn.id)
    return json.dumps({"id": chat.id, "title": chat.title, "inserted_at": _iso(chat.time), "mapping": mapping})


def _grok(chat: Chat) -> str:
    responses = [
        {
            "response": {
                "_id": turn.id,
                "conversation_id": chat.id,
                "message": turn.text,
                "sender": "human" if turn.user else "assistant",
                "create_time": {"$date": {"$numberLong": str(int(turn.time * 1000))}},
                "parent_response_id": turn.parent,
                "model": "grok-4",
                "metadata": {},
            },
            "share_link": None,
        }
        for turn in chat.turns
    ]
    head = {"id": chat.id, "title": chat.title, "create_time": _iso(chat.time), "modify_time": _iso(chat.time), "starred": False}
    return json.dumps({"conversation": head, "responses": responses})


def _openwebui(chat: Chat) -> str:
    messages: dict[str, Json] = {}
    for turn in chat.turns:
        messages[turn.id] = {
            "id": turn.id,
            "parentId": turn.parent,
            "childrenIds": [],
            "role": "user" if turn.user else "assistant",
            "content": turn.text,
            "timestamp": int(turn.time),
            **({"models": ["llama3"]} if turn.user else {"model": "llama3", "modelName": "llama3", "modelIdx": 0, "done": True}),
        }
        if turn.parent:
            messages[turn.parent]["childrenIds"].append(turn.id)
    history = {"messages": messages, "currentId": chat.turns[-1].id}
    body = {"id": "", "title": chat.title, "models": ["llama3"], "params": {}, "history": history, "messages": [], "tags": []}
    dates = {"created_at": int(chat.time), "updated_at": int(chat.time)}
    return json.dumps({"id": chat.id, "user_id": "u", "title": chat.title, "chat": body, **dates, "archived": False, "meta": {}})


def _gemini(chat: Chat) -> str:
    rows = []
    for asked, answered in zip(chat.turns[::2], chat.turns[1::2], strict=False):
        rows.append(
            json.dumps(
                {
                    "header": "Gemini Apps",
                    "title": f"Prompted {asked.text}",
                    "time": _iso(asked.time),
                    "products": ["Gemini Apps"],
                    "activityControls": ["Gemini Apps Activity"],
                    "safeHtmlItem": [{"html": f"<p>{html.escape(answered.text)}</p>"}],
                    "details": [{"name": "Chat", "url": f"https://gemini.google.com/app/{chat.id[:8]}0000"}],
                }
            )
        )
    return ",".join(reversed(rows))


def _copilot(chat: Chat) -> str:
    rows = []
    for turn in reversed(chat.turns):
        text = turn.text.replace('"', '""')
        rows.append(f'"{chat.title} {chat.id[:8]}","{_iso(turn.time)[:19]}","{"Human" if turn.user else "AI"}","{text}"\r\n')
    return "".join(rows)


def _gemini_page(chat: Chat) -> str:
    rows = []
    for asked, answered in zip(chat.turns[::2], chat.turns[1::2], strict=False):
        link = f"https://gemini.google.com/app/{chat.id[:8]}0000"
        rows.append(
            '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">'
            '<div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">Gemini Apps<br></p></div>'
            '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">'
            f"Prompted\xa0{html.escape(asked.text)}<br>{_english(asked.time)}<br><p>{html.escape(answered.text)}</p></div>"
            '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1 mdl-typography--text-right"></div>'
            '<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>&emsp;Gemini Apps<br>'
            f'<b>Details:</b><br>&emsp;<a href="{link}">{link}</a><br></div></div></div>'
        )
    return "".join(reversed(rows))


def _english(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%b %-d, %Y, %-I:%M:%S\u202f%p UTC")


def _copilot_chats(chat: Chat) -> str:
    from datetime import UTC, datetime

    rows = []
    for turn in reversed(chat.turns):
        text, time = turn.text.replace('"', '""'), datetime.fromtimestamp(turn.time, UTC).strftime("%-m/%-d/%Y %-H:%M:%S +00:00")
        rows.append(f'{time},"{text}",{"user" if turn.user else "Copilot"},"{chat.title} {chat.id[:8]}"\r\n')
    return "".join(rows)


SHAPES = {  # by the name of the reader, and behind a hyphen what kind of its files
    shape.name: shape
    for shape in (
        Shape("claude", "[", _claude, "]"),
        Shape("deepseek", "[", _deepseek, "]"),
        Shape("grok", '{"conversations":[', _grok, '],"projects":[],"tasks":[],"media_posts":[]}'),
        Shape("openwebui", "[", _openwebui, "]"),
        Shape("gemini", "[", _gemini, "]"),
        Shape("gemini-page", "<html><body><div>", _gemini_page, "</div></body></html>", ""),
        Shape("copilot", "\ufeffConversation,Time,Author,Message\r\n", _copilot, "", ""),
        Shape("copilot-chats", "CreatedAt,MessageContent,Author,ChatName\r\n", _copilot_chats, "", ""),
    )
}
