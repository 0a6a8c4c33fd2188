"""Small exports in both providers' shapes, written here, with something of every kind a receipt counts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

CANARY = "zanzibar-quartz-lantern"  # stands in a message: no error and no log may ever hold it
T0 = 1_760_000_000.5


def _node(id: str, parent: str, role: str, text: str, time: float, children: list[str]) -> dict[str, Any]:
    message = {
        "id": id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": time,
        "update_time": None,
        "content": {"content_type": "text", "parts": [text]},
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {"model_slug": "gpt-5"} if role == "assistant" else {},
        "recipient": "all",
        "channel": None,
    }
    return {"id": id, "message": message, "parent": parent, "children": children}


def chatgpt_conversation(
    id: str, title: str, turns: list[str], *, branch: str = "", project: str | None = None, start: float = T0
) -> dict[str, Any]:
    """Turns alternate between user and assistant; `branch` is a second answer to the first question."""
    root = f"{id}-root"
    mapping: dict[str, Any] = {root: {"id": root, "message": None, "parent": None, "children": [f"{id}-0"]}}
    for n, text in enumerate(turns):
        children = [f"{id}-{n + 1}"] if n + 1 < len(turns) else []
        if n == 0 and branch:
            children.append(f"{id}-b")
        parent = root if n == 0 else f"{id}-{n - 1}"
        mapping[f"{id}-{n}"] = _node(f"{id}-{n}", parent, ("user", "assistant")[n % 2], text, start + 60 * n, children)
    if branch:
        mapping[f"{id}-b"] = _node(f"{id}-b", f"{id}-0", "assistant", branch, start + 30, [])
    return {
        "id": id,
        "conversation_id": id,
        "title": title,
        "create_time": start,
        "update_time": start + 60 * len(turns),
        "mapping": mapping,
        "moderation_results": [],
        "current_node": f"{id}-{len(turns) - 1}",
        "plugin_ids": None,
        "conversation_template_id": project,
        "gizmo_id": project,
        "gizmo_type": "snorlax" if project else None,
        "is_archived": False,
        "default_model_slug": "gpt-5",
        "safe_urls": [],
    }


def conversations() -> list[dict[str, Any]]:
    bread = [
        "How long should dough rise at 16 degrees?",
        "About eighteen hours, until it has doubled.",
        "And if I use rye?",
        "Rye ferments faster: twelve hours.",
    ]
    boat = [f"My boat is called {CANARY}.", "A fine name for a boat."]
    coffee = ["Où boire un café près du canal ?", "Au marché, le matin."]
    return [
        chatgpt_conversation("11111111-aaaa", "Sourdough in a cold kitchen", bread, branch="Roughly a whole day."),
        chatgpt_conversation("22222222-bbbb", "Sailing on the Saint Lawrence", boat, start=T0 + 90_000),
        chatgpt_conversation("33333333-cccc", "Café à Montréal ☕ 京都", coffee, project="g-p-777", start=T0 + 180_000),
    ]


def _zip(path: Path, files: dict[str, Any]) -> Path:
    """The same bytes every time, so that source ids are the same, too."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 2, 4, 12, 0, 0)), json.dumps(content, ensure_ascii=False))
    return path


def write_chatgpt(path: Path, chats: list[Any] | None = None) -> Path:
    user = {"id": "user-1", "email": "someone@example.org"}
    return _zip(path, {"conversations.json": conversations() if chats is None else chats, "user.json": user})


_ACCOUNT, _CHAT = "99999999-0000-4000-8000-000000000009", "44444444-0000-4000-8000-00000000000"


def _said(id: str, parent: str, sender: str, text: str, minute: int) -> dict[str, Any]:
    moment = f"2026-02-03T10:{minute:02d}:00.000000Z"
    content = {"start_timestamp": moment, "stop_timestamp": moment, "type": "text", "text": text, "citations": []}
    return {
        "uuid": id,
        "text": text,
        "content": [content],
        "sender": sender,
        "created_at": moment,
        "updated_at": moment,
        "attachments": [],
        "files": [],
        "parent_message_uuid": parent,
    }


def write_claude(path: Path) -> Path:
    chat = {
        "uuid": f"{_CHAT}1",
        "name": "Repotting an old fig",
        "summary": "",
        "created_at": "2026-02-03T10:00:00.000000Z",
        "updated_at": "2026-02-03T10:05:00.000000Z",
        "account": {"uuid": _ACCOUNT},
        "chat_messages": [
            _said(f"{_CHAT}a", "00000000-0000-4000-8000-000000000000", "human", "When do I repot a fig tree?", 0),
            _said(f"{_CHAT}b", f"{_CHAT}a", "assistant", "In early spring, before it wakes.", 1),
        ],
    }
    memory = {"conversations_memory": "**Home**\n\nGrows figs on a balcony in Montreal.", "account_uuid": _ACCOUNT}
    user = {"uuid": _ACCOUNT, "full_name": "Some One", "email_address": "someone@example.org"}
    return _zip(path, {"conversations.json": [chat], "memories.json": [memory], "users.json": [user]})
