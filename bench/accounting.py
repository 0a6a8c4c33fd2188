"""Is everything accounted for? Every ChatGPT and Claude export at hand into a vault of its own, and counted on both sides.

On one side the source, read by nothing but the standard library's JSON module; on the other what the vault gives back. Per source:
message nodes, branch points, leaf values, and the original's members byte for byte.

    python -m bench.accounting [FOLDER …]        default: our fixtures and examples, and ../shared/exports where it is
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from souviens import vault
from souviens.errors import SourceError
from souviens.jsonspan import decode
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, Json, branch_points
from souviens.vault import Vault
from tests.lossless import leaves

ROOT = Path(__file__).parents[1]
FORMATS = ("chatgpt", "claude")
# What the records say in other words: who spoke, and what a block is.
_RENAMED = {"human": "user", "thinking": "reasoning", "tool_use": "tool_call"}


@dataclass
class Account:
    """Both sides of one source. refused: how many units the receipt says were damaged (they are accounted for by name)."""

    name: str
    nodes: int = 0
    kept_nodes: int = 0
    forks: int = 0
    kept_forks: int = 0
    leaves: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    members: int = 0
    identical: int = 0
    withheld: int = 0
    refused: int = 0
    unknown: int = 0

    @property
    def whole(self) -> bool:
        return (self.kept_nodes, self.kept_forks, not self.lost, self.identical) == (self.nodes, self.forks, True, self.members)


def sources(folders: list[Path]) -> Iterator[Path]:
    """Every delivery under the folders: each entry of <folder>/chatgpt and <folder>/claude, or the folder itself (examples)."""
    for folder in folders:
        for name in FORMATS:
            if (folder / name / "conversations.json").exists() or (folder / name / "conversations-000.json").exists():
                yield folder / name
            elif (folder / name).is_dir():
                yield from sorted(p for p in (folder / name).iterdir() if not p.name.endswith((".expected.jsonl", ".py", ".md")))


def _mappings(value: Json, depth: int = 5) -> Iterator[dict[str, Json]]:
    """Every `mapping` of a ChatGPT conversation in a slice, each once."""
    if isinstance(value, dict) and isinstance(value.get("mapping"), dict):
        yield value["mapping"]
    elif depth:
        for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from _mappings(member, depth - 1)


def _graph(value: Json) -> tuple[int, int]:
    """Nodes and branch points of one element of a source, counted from its JSON alone."""
    if mappings := list(_mappings(value)):
        # What a browser extension saved has its conversation somewhere in an envelope.
        nodes, forks = 0, 0
        for mapping in mappings:
            parents = Counter(node.get("parent") for node in mapping.values() if isinstance(node, dict))
            nodes += len(mapping)
            # A root without a message that nothing follows is no beginning.
            ends = (
                isinstance(node, dict) and not (node.get("parent") or node.get("message") or key in parents)
                for key, node in mapping.items()
            )
            parents[None] -= sum(ends)
            forks += sum(count > 1 for count in parents.values())
        return nodes, forks
    if isinstance(value, dict):
        rows = value.get("chat_messages") or value.get("messages") or []
        rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        if not any(row.get("parent_message_uuid") for row in rows):
            return len(rows), 0  # a chain
        # Who says nothing follows the one before. The sentinel stands for "no parent": what hangs on it are roots.
        before = [None, *(row.get("uuid") for row in rows)]
        parents = Counter(row.get("parent_message_uuid", above) for row, above in zip(rows, before, strict=False))
        parents[None] += parents.pop("00000000-0000-4000-8000-000000000000", 0)
        return len(rows), sum(count > 1 for count in parents.values())
    return 0, 0


def account(path: Path, scratch: Path) -> Account | None:
    """Both sides of one delivery; None if it is, rightly, not recognised."""
    found = Account(f"{path.parent.name}/{path.name}")
    with vault.create(scratch / "vault", {}, "2026-01-01T00:00:00Z", None) as made:
        try:
            receipt = take_in(made, path)
        except SourceError:
            return None
        found.refused, found.unknown = len(receipt.refused), sum(receipt.unknown_fields.values())
        found.withheld = len(receipt.withheld)
        _their_side(made, found)
        returned = give_back(made, receipt.id, scratch / f"back{path.suffix}")
        found.members = len(returned.members)
        found.identical = sum(member.identical for member in returned.members)
    return found


def _their_side(made: Vault, found: Account) -> None:
    kept: Counter[str] = Counter()
    ids: set[str] = set()
    for seq, _, _ in made.store.live():
        record = made.store.pack(seq)
        kept += leaves(msgspec.to_builtins(record))
        ids.add(str(record.provider_id))
        if isinstance(record, Conversation):
            found.kept_nodes += len(record.messages)
            found.kept_forks += len(branch_points(record.messages))
            ids |= {str(message.provider_id) for message in record.messages}
    source: Counter[str] = Counter()
    for hash in made.store.slices():
        try:
            value = json.loads(made.store.slice(hash)[0])
        except ValueError:
            continue  # damaged: refused by name
        nodes, forks = _graph(value)
        found.nodes += nodes
        found.forks += forks
        source += leaves(_said_once(decode(made.store.slice(hash)[0])[0]))
    found.leaves = source.total()
    found.lost = Counter({leaf: n for leaf, n in (source - kept).items() if not _there(leaf, kept, ids)})


def _there(leaf: str, kept: Counter[str], ids: set[str]) -> bool:
    """Is a leaf that the records hold less often than the source accounted for all the same?

    Ids of nodes, parents and children are kept as the graph itself, each once; an empty string says nothing; and words that
    stood twice (Claude's design chats, a tool's answer in several items) are kept once, inside the text they belong to.
    """
    return not leaf or leaf in ids or _RENAMED.get(leaf) in kept or (len(leaf) > 8 and any(leaf in other for other in kept))


def _said_once(value: Json) -> Json:
    """Claude's messages without what the records hold in one place only: the words, which Claude writes as `text` and again as text
    blocks, and a tool's `is_error: false`, which is the field's default."""
    rows = value.get("chat_messages") or value.get("messages") if isinstance(value, dict) else None
    for row in rows if isinstance(rows, list) else []:
        blocks = row.get("content") if isinstance(row, dict) else None
        if not isinstance(blocks, list):
            continue
        blocks = [block for block in blocks if isinstance(block, dict)]
        words = "".join(str(block.get("text") or "") for block in blocks)
        if "".join(str(row.get("text")).split()) == "".join(words.split()):
            row["text"] = ""
        for block in blocks:
            if block.get("is_error") is False:
                del block["is_error"]
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    arguments = parser.parse_args()
    shared = ROOT.parent / "shared" / "exports"
    folders = arguments.folders or [ROOT / "tests" / "formats", ROOT / "examples", *([shared] if shared.is_dir() else [])]
    accounts: list[Account] = []
    print(f"{'source':52}       nodes  branches    leaves lost identical withheld refused unknown")
    for path in sources(folders):
        with tempfile.TemporaryDirectory() as scratch:
            found = account(path, Path(scratch))
        if found is None:
            print(f"{path.parent.name}/{path.name:40} not recognised, refused by name")
            continue
        accounts.append(found)
        print(
            f"{found.name[:52]:52} {found.kept_nodes:>5}/{found.nodes:<5} {found.kept_forks:>4}/{found.forks:<4} "
            f"{found.lost.total():>6}/{found.leaves:<7} {found.identical:>4}/{found.members:<4} "
            f"{found.withheld:>8} {found.refused:>7} {found.unknown:>7}"
        )
    damaged = [found for found in accounts if found.refused]
    sound = [found for found in accounts if not found.refused]
    for what, group in (("undamaged", sound), ("damaged on purpose", damaged)):
        print(
            f"accounting, {len(group)} {what} sources: {_of(group, 'kept_nodes', 'nodes')} message nodes, "
            f"{_of(group, 'kept_forks', 'forks')} branch points, "
            f"{sum(a.lost.total() for a in group)} of {sum(a.leaves for a in group)} leaf values not in the records, "
            f"{_of(group, 'identical', 'members')} members identical, "
            f"{sum(a.refused for a in group)} units refused by name"
        )
    sys.exit(0 if all(found.whole for found in sound) else 1)


def _of(group: list[Account], kept: str, all: str) -> str:
    return f"{sum(getattr(a, kept) for a in group)} of {sum(getattr(a, all) for a in group)}"


if __name__ == "__main__":
    main()
