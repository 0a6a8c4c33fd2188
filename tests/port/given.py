"""What the tests of the journeys share: vaults, small exports in both providers' shapes, and what to compare.

The exports are written here, from the documented shapes; nothing of anybody's history is in them.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from souviens import vault
from souviens.canon import canonical
from souviens.port.checking import verify
from souviens.port.intake import take_in
from souviens.port.receipts import SourceReceipt
from souviens.port.staging import NOUNS
from souviens.records import Counts
from souviens.vault import Vault

AT = "2026-01-01T00:00:00Z"
SHARED = Path(__file__).parents[3] / "shared" / "exports"  # real-shaped exports of others; only where they are at hand
_PLURAL = {"memory": "memories"}


def new_vault(folder: Path) -> Vault:
    """An empty vault. Not encrypted: that is faster to make, and no different to what is tested here."""
    return vault.create(folder, {}, AT, None)


# --- exports ----------------------------------------------------------------------------------------------------------


def turn(id: str, parent: str | None, role: str, text: str, time: float | None = 1_760_000_000.5, **message: Any) -> dict[str, Any]:
    """A node of a ChatGPT conversation. `children` are filled in by `chat`."""
    return {
        "id": id,
        "parent": parent,
        "children": [],
        "message": {
            "id": id,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": time,
            "update_time": None,
            "content": {"content_type": "text", "parts": [text]},
            "status": "finished_successfully",
            "metadata": {},
            "recipient": "all",
            **message,
        },
    }


def chat(id: str, *turns: dict[str, Any], title: str = "A chat", slim: bool = False, **fields: Any) -> dict[str, Any]:
    """A ChatGPT conversation over its turns. slim: without the root and without `children`, as the exports of 2026 are."""
    nodes = {node["id"]: {**node, "children": []} for node in turns}
    if not slim:
        nodes = {"root": {"id": "root", "message": None, "parent": None, "children": []}} | nodes
        for node in nodes.values():
            if node["parent"] is None and node["id"] != "root":
                node["parent"] = "root"
            if node["parent"] in nodes:
                nodes[node["parent"]]["children"].append(node["id"])
    return {
        "conversation_id": id,
        "title": title,
        "create_time": 1_760_000_000.5,
        "update_time": 1_760_000_100.0,
        "current_node": turns[-1]["id"] if turns else None,
        "mapping": nodes,
        **fields,
    }


def image(id: str, parent: str | None, file: str) -> dict[str, Any]:
    """A turn that points to an image."""
    node = turn(id, parent, "user", "")
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": f"file-service://{file}", "size_bytes": 4}
    node["message"]["content"] = {"content_type": "multimodal_text", "parts": [pointer, "What is this?"]}
    return node


def said(uuid: str, parent: str, sender: str, text: str, **fields: Any) -> dict[str, Any]:
    """A message of a Claude conversation."""
    return {
        "uuid": uuid,
        "parent_message_uuid": parent,
        "sender": sender,
        "text": text,
        "content": [{"type": "text", "text": text, "citations": []}],
        "created_at": "2026-02-03T10:00:00.000000Z",
        "updated_at": "2026-02-03T10:00:00.000000Z",
        "attachments": [],
        "files": [],
        **fields,
    }


def claude_chat(uuid: str, *messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "name": "A talk",
        "summary": "",
        "created_at": "2026-02-03T10:00:00.000000Z",
        "updated_at": "2026-02-03T10:00:00.000000Z",
        "account": {"uuid": "ac000000-0000-4000-8000-0000000000aa"},
        "chat_messages": list(messages),
        **fields,
    }


def remembered(text: str) -> list[dict[str, Any]]:
    """What stands in Claude's memories.json."""
    return [{"conversations_memory": text, "project_memories": {}, "account_uuid": "ac000000-0000-4000-8000-0000000000aa"}]


def write(path: Path, value: Any) -> Path:
    """A JSON file (or, for bytes, any file)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def zipped(path: Path, members: dict[str, Any], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of JSON values and bytes."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return path


# --- comparing --------------------------------------------------------------------------------------------------------


def records(vault: Vault) -> dict[tuple[str, str], bytes]:
    """Every live record in canonical form: what a vault knows."""
    return {(kind, id): canonical(vault.store.pack(seq)) for seq, kind, id in vault.store.live()}


def state(vault: Vault) -> dict[str, Any]:
    """All of truth that does not depend on when it came: records, files, bytes, tombstones."""
    store = vault.store
    sources = {
        header.id: [(m.name, m.treatment, m.size, m.sha256, list(store.segments(n))) for n, m in store.numbered_members(header.id)]
        for header in store.sources()
    }
    slices = {id: hashlib.sha256(store.slice(id)[0]).hexdigest() for id in store.slices()}
    stones = {key: (stone.generation, stone.erased) for key, stone in store.tombstones().items()}
    live = {(kind, id) for _, kind, id in store.live()}
    origins = {id: sorted(live & set(store.origins(id))) for id in sources}
    return {
        "records": records(vault),
        "sources": sources,
        "slices": slices,
        "blobs": sorted(store.blobs()),
        "tombstones": stones,
        "origins": origins,
    }


def take(vault: Vault, *paths: Path, **options: Any) -> list[SourceReceipt]:
    """Take sources in, each with sums that hold, and leave a vault that verifies."""
    receipts = [take_in(vault, path, **options) for path in paths]
    for receipt in receipts:
        assert_sums(receipt)
    assert verify(vault).problems == ()
    return receipts


def refused(receipt: SourceReceipt) -> Counter[str]:
    return Counter(problem.kind for problem in receipt.refused)


def assert_sums(receipt: SourceReceipt) -> None:
    """For every kind, what was read is what was new, changed, unchanged or refused."""
    lost = Counts(**{_PLURAL.get(noun, f"{noun}s"): refused(receipt)[noun] for noun in NOUNS})
    assert receipt.read == receipt.new.plus(receipt.changed).plus(receipt.unchanged).plus(lost)
    for counts in (receipt.read, receipt.new, receipt.changed, receipt.unchanged):
        assert min(getattr(counts, name) for name in counts.__struct_fields__) >= 0


def total(receipts: Iterable[SourceReceipt], part: str) -> Counts:
    out = Counts()
    for receipt in receipts:
        out = out.plus(getattr(receipt, part))
    return out
