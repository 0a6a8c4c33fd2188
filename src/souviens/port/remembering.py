"""What a person states and judges: the one kind of truth that stands in no export."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, cast

import msgspec

from souviens.canon import Instant, make_id, utc
from souviens.errors import NotFound, UsageError
from souviens.port import indexing
from souviens.port.intake import now
from souviens.records import MEMORY_KINDS, Memory, Verdict
from souviens.vault import Vault
from souviens.vault.store import Journal

MAX_TEXT = 10_000  # characters; a longer thing is a document, not a memory


def _instant() -> Instant:
    us = int(datetime.now(UTC).timestamp() * 1_000_000)
    return Instant(given=utc(us), us=us, zone="offset")


def remember(vault: Vault, text: str, *, kind: str = "fact", topic: str | None = None) -> Memory:
    """Keep a statement in the owner's own words. Saying the same again changes nothing; saying it after rejecting it confirms it.

    kind: one of MEMORY_KINDS. Raises UsageError, NotFound (topic).
    """
    text = text.strip()
    if not text or len(text) > MAX_TEXT:
        raise UsageError(
            "the text is empty" if not text else f"the text has {len(text):,} characters",
            f"a memory has 1 to {MAX_TEXT:,} characters",
            "souviens remember --help",
        )
    if kind not in MEMORY_KINDS:
        raise UsageError(f"no kind {kind!r}", f"there are: {', '.join(MEMORY_KINDS)}")
    if topic is not None and vault.store.get("topic", topic) is None:
        raise NotFound(f"no topic {topic}", next="souviens list --topics")
    memory = Memory(
        id=make_id("y", "souviens", kind, text),
        kind=kind,
        text=text,
        authority="user_stated",
        provider="souviens",
        created=_instant(),
        topic=topic,
    )
    known = vault.store.get("memory", memory.id)
    if known is not None:
        stated = cast(Memory, known[1])
        return stated if stated.status == "confirmed" else review(vault, memory.id, "confirm")
    return _write(vault, "remember", 0, memory, 0)


def review(vault: Vault, id: str, verdict: Literal["confirm", "correct", "reject"], text: str = "") -> Memory:
    """Say of a memory that it holds, how it should read, or that it does not hold. Raises NotFound, UsageError."""
    found = vault.store.get("memory", id)
    if found is None:
        raise NotFound(f"no memory {id}", "it may have been erased", "souviens review")
    if (verdict == "correct") != bool(text.strip()):
        raise UsageError("a correction needs its text" if verdict == "correct" else "only a correction has a text")
    seq, memory = found[0], cast(Memory, found[1])
    judged = Verdict(verdict=verdict, time=_instant(), text=text.strip(), serial=len(memory.verdicts) + 1)
    return _write(vault, "review", seq, msgspec.structs.replace(memory, verdicts=(*memory.verdicts, judged)), len(memory.verdicts))


def _write(vault: Vault, verb: str, seq: int, memory: Memory, verdicts: int) -> Memory:
    with vault.store.transaction():
        vault.store.replace({seq: memory})
        vault.store.write_journal(Journal(verb, now(), memory.id, {}, {"memory": memory.id, "verdicts": verdicts}))
    indexing.catch_up(vault)
    return memory
