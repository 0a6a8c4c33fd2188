"""What a person states and judges: the one kind of truth that stands in no export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, cast

import msgspec

from souviens.canon import Instant, make_id, utc
from souviens.errors import NotFound, UsageError
from souviens.port import indexing, linking
from souviens.port.intake import now
from souviens.records import MEMORY_KINDS, Evidence, Json, Memory, Verdict
from souviens.vault import Vault
from souviens.vault.store import Journal

MAX_TEXT = 10_000  # characters; a longer thing is a document, not a memory


def _instant() -> Instant:
    us = int(datetime.now(UTC).timestamp() * 1_000_000)
    return Instant(given=utc(us), us=us, zone="offset")


def remember(vault: Vault, text: str, *, kind: str = "fact", topic: str | None = None, about: Sequence[str] = ()) -> Memory:
    """Keep a statement in the owner's own words. Saying the same again changes nothing; saying it after rejecting it confirms it.

    kind: one of MEMORY_KINDS. about: ids of the messages and conversations it is about, or their beginnings; two of them are then
    linked by these words. Saying the same of others adds them. Raises UsageError, NotFound (topic, about).
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
    if len(about) > linking.MOST:
        raise UsageError(f"a statement about {len(about)} things", f"it may be about {linking.MOST}", "say it of a conversation")
    evidence = linking.evidence(vault.store, about)
    memory = Memory(
        id=make_id("y", "souviens", kind, text),
        kind=kind,
        text=text,
        authority="user_stated",
        provider="souviens",
        evidence=evidence,
        created=_instant(),
        topic=topic,
    )
    known = vault.store.get("memory", memory.id)
    return _write(vault, "remember", 0, memory, 0) if known is None else _again(vault, known[0], cast(Memory, known[1]), evidence)


def _again(vault: Vault, seq: int, stated: Memory, evidence: tuple[Evidence, ...]) -> Memory:
    """The same statement once more: of other things, or after it was rejected."""
    more = tuple(e for e in evidence if e not in stated.evidence)
    if not more:
        return stated if stated.status == "confirmed" else review(vault, stated.id, "confirm")
    verdicts = stated.verdicts
    if stated.status != "confirmed":
        verdicts = (*verdicts, Verdict(verdict="confirm", time=_instant(), serial=len(verdicts) + 1))
    memory = msgspec.structs.replace(stated, evidence=(*stated.evidence, *more), verdicts=verdicts)
    return _write(vault, "remember", seq, memory, len(stated.verdicts), len(stated.evidence))


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


def _write(vault: Vault, verb: str, seq: int, memory: Memory, verdicts: int, evidence: int | None = None) -> Memory:
    """Store a memory. verdicts, evidence: how many it had before, for `undo`; evidence None: it was not added to."""
    record: dict[str, Json] = {"memory": memory.id, "verdicts": verdicts}
    if evidence is not None:
        record["evidence"] = evidence
    with vault.store.transaction():
        vault.store.replace({seq: memory})
        vault.store.write_journal(Journal(verb, now(), memory.id, {}, record))
    indexing.catch_up(vault)
    return memory
