"""Giving out: an original as it came, the whole vault as JSON lines, or a choice in another provider's form."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Set
from datetime import datetime
from pathlib import Path

from souviens import formats
from souviens.canon import rfc3339
from souviens.delivery import open_delivery, write_container
from souviens.errors import NotFound, UsageError
from souviens.formats import Chosen
from souviens.port.receipts import Moved, Returned, ReturnedMember
from souviens.port.stored import erased_places, member_bytes
from souviens.records import Conversation, Json, Memory, Topic
from souviens.vault import Vault
from souviens.vault.store import Member, SourceHeader, Store

_CHUNK = 1 << 20


def give_back(vault: Vault, source: str, target: Path) -> Returned:
    """Write a source as it came: a file, folder or zip at `target` (inside it, under its own name, if it is a folder that exists).

    Withheld files are left out; erased spans are `null` and spaces. Raises NotFound, also if nothing is left to be given,
    UsageError if something is in the way.
    """
    header = vault.store.source(source)
    if header is None:
        raise NotFound(f"no source {source}", "it is not in this vault", "see the sources: souviens list --sources")
    path = target / Path(header.path).name if target.is_dir() else target
    if path.exists():
        raise UsageError(f"{path} is already there", "nothing is overwritten", "give another place with -o")
    members = [(n, m) for n, m in vault.store.numbered_members(source) if m.treatment not in ("withhold", "rows")]
    if not members:
        why = "; ".join(dict.fromkeys(withheld.reason for withheld in header.withheld)) or "it was erased"
        raise NotFound(f"{header.path}: there is nothing to give back", why, "what was read of it: souviens show " + source[:10])
    digests: dict[str, str] = {}
    write_container(header.kind, header.directory, _written(vault.store, members, formats.plain(header.format), digests), path)
    returned = tuple(ReturnedMember(m.name, digests[m.name], bool(m.sha256) and digests[m.name] == m.sha256) for _, m in members)
    whole = _sha256(path)
    return Returned(
        path=str(path),
        sha256=whole,
        identical=all(m.identical for m in returned) and not header.withheld and not _left_out(header, members),
        container_identical=whole == header.sha256,
        withheld=header.withheld + erased_places(vault.store, header),
        members=returned,
    )


def _written(
    store: Store, members: list[tuple[int, Member]], plain: Set[str], digests: dict[str, str]
) -> Iterator[tuple[str, Json, Iterator[bytes]]]:
    def digested(number: int, member: Member) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for chunk in member_bytes(store, number, member, plain):
            digest.update(chunk)
            yield chunk
        digests[member.name] = digest.hexdigest()

    for number, member in members:
        yield member.name, member.directory, digested(number, member)


def _left_out(header: SourceHeader, members: list[tuple[int, Member]]) -> bool:
    """Whether files of the delivery were refused and never stored: a damaged zip member, a symbolic link, a bomb. What a reader
    misses that never came with the delivery is none of them."""
    stored = {member.name for _, member in members}
    came = set(_names(header.directory))
    return any(
        p.where not in stored if p.path == header.path else p.path in came - stored for p in header.problems if p.kind == "source"
    )


def _names(directory: Json, prefix: str = "") -> Iterator[str]:
    """The names of the files in a container's directory."""
    for item in directory.get("order", ()) if isinstance(directory, dict) else ():
        if isinstance(item, str):
            yield prefix + item
        elif "container" in item:
            yield from _names(item["container"], f"{prefix}{item['name']}!/")


def _sha256(path: Path) -> str:
    """Of a file; of a folder as `Delivery.sha256` says."""
    if path.is_dir():
        with open_delivery(path) as delivery:
            return delivery.sha256
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# --- moving on --------------------------------------------------------------------------------------------------------


def choose(
    vault: Vault,
    *,
    ids: Collection[str] = (),
    providers: Collection[str] = (),
    topics: Collection[str] = (),
    since: str = "",
    until: str = "",
    among: Collection[str] | None = None,
) -> Chosen:
    """What to move: everything, or what all given conditions hold for.

    ids, among: conversation or memory ids; `among` may be empty, and then nothing is chosen. topics: Topic ids; what is in the
    topics below them is meant too. since, until: dates (until excluded) of when it began, or of its first message that has a time;
    what has no known time is kept out by them. A memory that a person rejected is never chosen. Raises UsageError for a date that
    is none.
    """
    start, end = (_day(day) if day else None for day in (since, until))
    records = [vault.store.pack(seq) for seq, _, _ in vault.store.live()]
    every = {record.id: record for record in records if isinstance(record, Topic)}
    wanted = {id for id in every if not topics or any(above in topics for above in _line(every, id))}

    def fits(record: Conversation | Memory, topic: str | None, us: int | None) -> bool:
        return (
            (not ids or record.id in ids)
            and (among is None or record.id in among)
            and (not providers or record.provider in providers)
            and (not topics or topic in wanted)
            and _within(us, start, end)
        )

    conversations = [r for r in records if isinstance(r, Conversation) and fits(r, r.head.project, _began(r))]
    memories = [r for r in records if isinstance(r, Memory) and r.status != "rejected" and fits(r, r.topic, r.created.us)]
    conversations.sort(key=lambda c: (_began(c) is None, _began(c) or 0, c.id))
    used = {above for id in {c.head.project for c in conversations} | {m.topic for m in memories} for above in _line(every, id)}
    told = tuple(topic for id, topic in every.items() if id in used or (topics and id in wanted))
    return Chosen(tuple(conversations), tuple(memories), told)


def _line(every: dict[str, Topic], id: str | None) -> Iterator[str]:
    """A topic and those it lies in, from the inside out. Links in a circle end the walk."""
    seen: set[str] = set()
    while id is not None and id not in seen:
        yield id
        seen.add(id)
        id = every[id].parent if id in every else None


def _began(conversation: Conversation) -> int | None:
    """When a conversation began: its own word for it, else its first message that has a time."""
    if conversation.head.created.us is not None:
        return conversation.head.created.us
    return min((m.time.us for m in conversation.messages if m.time.us is not None), default=None)


def _day(text: str) -> int:
    instant = rfc3339(text)
    if instant.us is None:
        raise UsageError(f"{text!r} is not a date", instant.unknown or "", f"write it like {datetime(2026, 3, 1):%Y-%m-%d}")
    return instant.us


def _within(us: int | None, start: int | None, end: int | None) -> bool:
    if start is None and end is None:
        return True
    return us is not None and (start is None or us >= start) and (end is None or us < end)


def move(chosen: Chosen, to: str, folder: Path | None) -> Moved:
    """Write a choice in another form into `folder` (None: a dry run) and say what was carried and what has no home there."""
    writers = formats.writers()
    if to not in writers:
        raise UsageError(f"no target named {to!r}", f"there are: {', '.join(writers)}", "souviens move --to TARGET -o FOLDER")
    written = writers[to].write(chosen)
    paths = []
    if folder is not None:
        taken = [name for name in written.files if (folder / name).exists()]
        if taken:
            raise UsageError(f"{folder / taken[0]} is already there", "nothing is overwritten", "give another folder with -o")
        for name, data in written.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            paths.append(str(path))
    return Moved(to, tuple(paths), written.carried, written.lost)
