"""Taking a provider's export in: delivery -> cut -> slices -> read -> records -> vault -> index.

Everything is staged and becomes visible with one short commit; a crash, a full disk or a kill leaves the vault as before.
The receipt is computed from what reading the stage back returns, not from what was meant to be written.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import hmac
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import msgspec

from souviens import formats
from souviens.canon import make_id, sha256
from souviens.delivery import Delivery, Entry, Limits, open_delivery
from souviens.errors import NotRecognised, SourceError, VaultError
from souviens.formats import CUT, Claim
from souviens.jsonspan import Glue, Slice
from souviens.port import indexing
from souviens.port.beside import Gone, clean
from souviens.port.counting import counts
from souviens.port.holes import WITHHELD, Span, blanked, is_whole, spans_of, told
from souviens.port.receipts import Attachments, SourceReceipt
from souviens.port.staging import Staging, refusals
from souviens.port.stored import Rederiver, erased_places, joined
from souviens.port.unread import unread
from souviens.records import (
    Conversation,
    Counts,
    Memory,
    Origin,
    Problem,
    Reading,
    Topic,
    Treatment,
    Withheld,
)
from souviens.vault import Vault
from souviens.vault.store import Journal, Member, Segment, SourceHeader, Store

CHUNK = 1 << 20
SMALL, FEW = 64 << 10, 200  # bytes of a file that is kept together with others, and how many of them at once
_LIMITS = Limits()
Progress: TypeAlias = Callable[[str, int, int], None]  # (what, bytes done, bytes in all)


def now() -> str:
    """The present as RFC 3339 UTC, for things that happen now (an intake, an erasure); never for a record's own time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _silent(what: str, done: int, total: int) -> None:
    pass


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: records are trees, and its passes over millions of them are 5 % of an intake (measured)."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def take_in(
    vault: Vault,
    path: Path,
    *,
    limits: Limits = _LIMITS,
    with_accounts: bool = False,
    bring_back: bool = False,
    progress: Progress = _silent,
) -> SourceReceipt:
    """Take one source (a file, folder or zip) into the vault.

    with_accounts: keep account and login data, withheld by default. bring_back: also take what was erased before.
    Raises SourceError, NotRecognised, Ambiguous (nothing stored), OutOfSpace, VaultInUse.
    """
    started = time.monotonic()
    with open_delivery(path, limits) as delivery:
        claim = formats.identify(delivery)
        id = make_id("s", delivery.sha256)
        known = vault.store.source(id)
        stone = vault.store.tombstones().get(("source", id))
        if stone is not None and stone.erased and not bring_back:
            raise SourceError(
                f"{path}: was erased from this vault", f"on {stone.at}", "take it again with: souviens add --bring-back"
            )
        # Taken in again only if there is more to get out of it than the last time.
        if known is not None and not bring_back and not (with_accounts and known.withheld):
            return _known(vault.store, known, path, started)
        with _uncollected():
            receipt = _Intake(vault, delivery, claim, id, with_accounts, bring_back, progress).run()
    return msgspec.structs.replace(receipt, seconds=round(time.monotonic() - started, 3))


def _members_of(reading: Reading) -> set[str]:
    return {a.member for c in reading.conversations for a in c.attachments if a.member}


def _known(store: Store, header: SourceHeader, path: Path, started: float) -> SourceReceipt:
    """The receipt of a source that is here: what it told when it came, less what was erased of it since."""
    erased = erased_places(store, header)
    refused = refusals(header.problems)
    unchanged, attachments = header.read.minus(refused), Attachments(*header.attachments)
    if erased:
        unchanged, attachments = _still_told(store, header.id)
    return SourceReceipt(
        id=header.id,
        path=str(path),
        format=header.format,
        shape=header.shape,
        sha256=header.sha256,
        bytes=header.bytes,
        read=unchanged.plus(refused),
        unchanged=unchanged,
        refused=header.problems,
        withheld=tuple(dict.fromkeys((*header.withheld, *erased))),
        attachments=attachments,
        unknown_fields=header.unknown,
        seconds=round(time.monotonic() - started, 3),
        known=True,
    )


def _still_told(store: Store, source: str) -> tuple[Counts, Attachments]:
    """What the slices of a source tell now, read again one record at a time."""
    rederiver, told, found, missing = Rederiver(store), Counts(), 0, 0
    for kind, id in store.origins(source):
        live = store.get(kind, id)
        origins = tuple(origin for origin in live[1].origins if origin.source == source) if live else ()
        if not live or not origins:
            continue
        if not isinstance(live[1], Conversation):
            told = told.plus(Counts(memories=1) if isinstance(live[1], Memory) else Counts(topics=1))
            continue
        reading = rederiver.record(msgspec.structs.replace(live[1], origins=origins))
        if isinstance(reading, Conversation):
            told = told.plus(counts(reading))
            here = sum(attachment.blob is not None for attachment in reading.attachments)
            found, missing = found + here, missing + len(reading.attachments) - here
    return told, Attachments(found, missing)


class _Intake:
    def __init__(
        self,
        vault: Vault,
        delivery: Delivery,
        claim: Claim,
        id: str,
        with_accounts: bool,
        bring_back: bool,
        progress: Progress,
    ) -> None:
        self.vault, self.store, self.delivery, self.id = vault, vault.store, delivery, id
        self.format, self.shape, self.foreign = claim
        self.with_accounts, self.bring_back, self.progress = with_accounts, bring_back, progress
        self.total = max(1, sum(entry.size for entry in delivery.entries))
        self.done = 0
        self.returned: set[str] = set()  # erased before, and taken again because it was asked for
        self.late = False  # a source that is here is taken in again for the accounts left out before
        self.problems: list[Problem] = list(delivery.problems)
        self.withheld: list[Withheld] = []
        self.unknown: Counter[str] = Counter()
        self.met = 0  # slices that told of anything, be it only of their damage or of what was erased
        self.found = self.missing = 0
        self.blobs: dict[str, str] = {}  # entry name -> blob
        self.small: list[tuple[int, Entry, Treatment, bytes]] = []  # files read and not yet stored
        self.touched = 0  # slices of which something was erased before
        self.hidden = 0  # secrets kept out of files that are cut
        self.nameless: list[int] = []  # members whose names go, too
        self.gone = Gone()  # what was erased before, as side files know it
        self.erased_members: set[str] = set()
        self.used_members: set[str] = set()

    # --- the journey --------------------------------------------------------------------------------------------------

    def run(self) -> SourceReceipt:
        self.stage = self.store.begin(now())
        follower = None
        try:
            # After `begin`: an erasure refuses to start beside an open stage, so that none can be missed from here on.
            self.erased = {stone.id: stone for stone in self.store.tombstones().values() if stone.erased}
            older = self.store.source(self.id)
            known = older is not None
            self.late = older is not None and self.with_accounts and bool(older.withheld)
            self.staging = Staging(self.store, self.stage, self.id, known=known)
            self._tombstoned(self.id)
            follower = indexing.start_following(self.vault, self.stage, self.delivery.bytes)
            self._members()
            self.staging.settle()
            if self.touched:
                self._drop_members(self.erased_members - self.used_members)
            receipt = self._receipt()
            while not self._commit(receipt):
                self.staging.merge_again()
                receipt = self._receipt()
        except BaseException as error:
            indexing.stop_following(follower)
            indexing.give_up(self.vault, self.stage, error)
            raise
        if known or self.problems or self.touched:
            # What the older reading of this source held, the beginnings of files cut off, files with something erased in them.
            self.store.drop_unreferenced()
        if self.touched:
            with contextlib.suppress(VaultError):  # what was let go of before it was ever seen; the next erasure does it as well
                self.store.compact()
                self.store.purge()
        synced = indexing.finish_following(self.vault, follower)
        return msgspec.structs.replace(receipt, indexed=synced is not None, cut_texts=synced.cut if synced else 0)

    def _members(self) -> None:
        plan = self.format.plan(self.delivery)
        self.sidecars = self.format.sidecars(self.delivery)
        header = self._header(Counts())
        with self.store.transaction():
            self.source = self.staging.number = self.store.put_source(self.stage, header)
        # Attachments first, so that a conversation is stored once, joined to its bytes.
        order = sorted(enumerate(self.delivery.entries), key=lambda pair: plan.get(pair[1].name) in CUT)
        for ordinal, entry in order:
            treatment: Treatment = plan.get(entry.name, "keep")
            if treatment == "withhold" and self.with_accounts:
                treatment = "keep"
            try:
                if treatment == "cut":
                    self._cut(ordinal, entry)
                elif treatment in ("rows", "private_rows"):
                    hidden = treatment == "private_rows" and not self.with_accounts
                    self._keep(ordinal, entry, "withhold" if hidden else "repeat")
                    self._cut(len(order) + ordinal, entry, rows=True)
                else:
                    self._keep(ordinal, entry, treatment)
            except SourceError as error:
                self.problems.append(Problem("source", entry.name, "", f"{error.what}: {error.why}"))
        self._keep_small()
        named = {problem.path for problem in self.problems}
        beside = unread(self.delivery, plan, self.foreign, self.used_members | self.erased_members)
        self.problems += (problem for problem in beside if problem.path not in named)
        self._advance(self.total - self.done)

    def _keep(self, ordinal: int, entry: Entry, treatment: Treatment) -> None:
        """Store a file whole, or only the fact that it was there."""
        if treatment == "withhold":
            salt = os.urandom(32)
            commitment = hmac.new(salt, digestmod=hashlib.sha256)
            for chunk in self._chunks(entry):
                commitment.update(chunk)
            with self.store.transaction():
                number = self.store.put_member(self.source, ordinal, Member(entry.name, treatment, entry.size, "", entry.directory))
                self.store.put_segments(number, 0, [Segment(None, "", "", None, entry.size)], {0: commitment.hexdigest()})
            self.withheld.append(Withheld(entry.name, "", "accounts, logins or keys; keep it with --with-accounts"))
            return
        if entry.size <= SMALL:
            self.small.append((ordinal, entry, treatment, b"".join(self._chunks(entry))))
            if len(self.small) >= FEW or sum(len(data) for *_, data in self.small) >= CHUNK:
                self._keep_small()
            return
        blob, size = self.store.put_blob(self._chunks(entry))
        self._kept(ordinal, entry, treatment, blob, size)

    def _keep_small(self) -> None:
        """Many small files in one transaction: an export may hold a hundred thousand, and each transaction waits for the disk."""
        small, self.small = self.small, []
        with self.store.transaction():
            for ordinal, entry, treatment, data in small:
                self._kept(ordinal, entry, treatment, *self.store.put_blob([data]))

    def _kept(self, ordinal: int, entry: Entry, treatment: Treatment, blob: str, size: int) -> None:
        self.blobs[entry.name] = blob
        with self.store.transaction():
            self.store.put_member(self.source, ordinal, Member(entry.name, treatment, size, blob, entry.directory, blob))

    def _chunks(self, entry: Entry) -> Iterator[bytes]:
        with entry.open() as stream:
            while chunk := stream.read(CHUNK):
                self._advance(len(chunk))
                yield chunk

    def _advance(self, bytes: int) -> None:
        self.done += bytes
        self.progress(self.delivery.path, self.done, self.total)

    # --- cutting and reading ------------------------------------------------------------------------------------------

    def _cut(self, ordinal: int, entry: Entry, *, rows: bool = False) -> None:
        """Slices of a file; of a database the rows, as a member of the same name that is no file of the delivery."""
        self._keep_small()  # what its conversations may point to
        digest = hashlib.sha256()
        name, directory = entry.name, None if rows else entry.directory
        treatment: Treatment = "rows" if rows else "cut"
        with self.store.transaction():
            number = self.store.put_member(self.source, ordinal, Member(name, treatment, entry.size, "", directory))
        self.staging.enter(number)
        size, holes = 0, self.touched + self.hidden
        fault = None
        try:
            for piece in self.format.cut(entry):
                digest.update(piece.data)
                size += len(piece.data)
                if isinstance(piece, Glue) and piece.secret and not self.with_accounts:
                    self._withhold(entry, piece)
                elif isinstance(piece, Glue) and piece.damage:
                    self.problems.append(Problem("source", entry.name, piece.where, piece.damage))
                elif isinstance(piece, Glue):
                    self.staging.segment(Segment(None, "", "", piece.data, None), len(piece.data))
                else:
                    self._slice(piece)
                if not rows:
                    self._advance(len(piece.data))
        except SourceError as error:
            fault = error  # what could be read of the file stays
        self.staging.flush()
        # The hash of a file with holes would let what stood in them be guessed.
        hash = digest.hexdigest() if fault is None and holes == self.touched + self.hidden else ""
        with self.store.transaction():
            self.store.update_member(number, Member(name, treatment, size, hash, directory))
        if fault is not None:
            raise fault

    def _withhold(self, entry: Entry, piece: Glue) -> None:
        """Secrets inside a file: of them only where they stood, how long they were, and a commitment."""
        self._hole(WITHHELD, piece.where, piece.data)
        self.withheld.append(Withheld(entry.name, piece.where, f"{piece.secret}; keep it with --with-accounts"))
        self.hidden += 1

    def _hole(self, kind: str, where: str, data: bytes) -> None:
        """In the place of bytes that stay out, their length and a commitment whose salt nobody keeps."""
        commitment = hmac.new(os.urandom(32), data, hashlib.sha256).hexdigest()
        self.staging.segment(Segment(None, kind, where, None, len(data)), len(data), commitment)

    def _slice(self, piece: Slice) -> None:
        hash = sha256(piece.data)
        reading = self.format.read(piece, self.sidecars)
        origin = Origin(self.id, hash, f"{piece.path}{piece.where}")
        self.met += any((reading.conversations, reading.memories, reading.topics, reading.problems))
        spans = self._erased_spans(piece, reading)
        self.touched += bool(spans)
        if is_whole(piece, spans):
            for conversation in reading.conversations:
                self.gone.add(conversation, None, set())
            # A tombstone wins over a re-import: the bytes stay out, their place and length are kept.
            self._hole(piece.kind, piece.where, piece.data)
            self.withheld.append(Withheld(piece.path, piece.where, "erased before; take it again with --bring-back"))
            self.erased_members |= _members_of(reading)
            return
        if spans:
            self.erased_members |= _members_of(reading)
            whole, piece = reading, blanked(piece, spans)
            reading = self.format.read(piece, self.sidecars)
            for before, after in zip(whole.conversations, reading.conversations, strict=True):
                self.gone.add(before, after, self.erased.keys())
            self.withheld.append(
                Withheld(piece.path, piece.where, f"{len(spans)} places erased before; take them again with --bring-back")
            )
            with self.store.transaction():
                hash = self.store.put_holed_slice(piece.data, [(span.start, span.end) for span in spans])
            origin = msgspec.structs.replace(origin, slice=hash)
        else:
            self.staging.slice(hash, piece.data)
        self.used_members |= _members_of(reading)
        self.problems += reading.problems
        self.unknown.update(reading.unknown)
        self.staging.segment(Segment(hash, piece.kind, piece.where, None, None), len(piece.data))
        for conversation in reading.conversations:
            found = sum(attachment.member in self.blobs for attachment in conversation.attachments)
            self.found += found
            self.missing += len(conversation.attachments) - found
            self.staging.tell(joined(conversation, origin, self.blobs))
        statements: tuple[Memory | Topic, ...] = (*reading.memories, *reading.topics)
        for statement in statements:
            if not self._tombstoned(statement.id):
                self.staging.tell(msgspec.structs.replace(statement, origins=(origin,)))

    def _tombstoned(self, id: str) -> bool:
        """Whether it was erased, and is not asked for now."""
        if id in self.erased and self.bring_back:
            self.returned.add(id)
        return id in self.erased and not self.bring_back

    def _erased_spans(self, piece: Slice, reading: Reading) -> list[Span]:
        """What of a slice was erased before, and stays out."""
        gone = {id for id in told(reading) if self._tombstoned(id)} if self.erased else set()
        return spans_of(self.format, piece, reading, gone) if gone else []

    # --- statements, check, commit ------------------------------------------------------------------------------------

    def _drop_members(self, names: set[str]) -> None:
        """Attachments of which only the erased speaks stay out as well, and what side files say of it."""
        members = self.store.numbered_members_of(self.source)
        for number, member in members:
            if member.name in names:
                with self.store.transaction():
                    self.store.hollow_member(number, member)
                self.nameless.append(number)
                names = names - {member.name} | {f"erased-{number}"}
        others = [(number, member) for number, member in members if member.name not in self.erased_members | self.used_members]
        for name in (*sorted(names), *clean(self.store, others, self.gone)):
            self.withheld.append(Withheld(name, "", "it holds what was erased before; take it again with --bring-back"))

    def _read(self) -> Counts:
        """Everything the reader met: what was stored, was there, or was refused."""
        share = self.staging.sum
        return share.new.plus(share.changed).plus(share.unchanged).plus(refusals(self.problems))

    def _header(self, read: Counts) -> SourceHeader:
        delivery = self.delivery
        return SourceHeader(
            id=self.id,
            path=delivery.path,
            kind=delivery.kind,
            format=self.format.NAME,
            shape=self.shape,
            sha256=delivery.sha256,
            bytes=delivery.bytes,
            received=now(),
            reader=self.format.READER,
            directory=delivery.directory,
            problems=tuple(self.problems),
            withheld=tuple(self.withheld),
            unknown=dict(sorted(self.unknown.items())),
            attachments=(self.found, self.missing),
            read=read,
        )

    def _receipt(self) -> SourceReceipt:
        """What the stage holds, by what reading it back returns."""
        self.problems += self.staging.check(self.delivery.path)
        share = self.staging.sum
        header = self._header(self._read())
        if not self.met:
            refused = "; ".join(f"{p.where or p.path}: {p.reason}" for p in self.problems[:3])
            raise NotRecognised(
                f"{self.delivery.path}: a {self.format.TITLE} with nothing in it that could be read",
                f"refused: {refused}" if refused else f"seen: {self.delivery.describe()}",
                "ask the provider for the export again: an empty or truncated one is a known fault",
            )
        with self.store.transaction():
            self.store.update_source(self.source, header)
        return SourceReceipt(
            id=self.id,
            path=self.delivery.path,
            format=header.format,
            shape=header.shape,
            sha256=header.sha256,
            bytes=header.bytes,
            read=header.read,
            new=share.new,
            changed=share.changed,
            unchanged=share.unchanged,
            refused=header.problems,
            withheld=header.withheld,
            attachments=Attachments(self.found, self.missing),
            unknown_fields=header.unknown,
        )

    def _commit(self, receipt: SourceReceipt) -> bool:
        """Make it all visible at once; False if somebody else changed some of these records while we staged."""
        journal = Journal(
            verb="add",
            at=now(),
            subject=self.id,
            counts={"new": receipt.new.messages, "read": receipt.read.messages},
            # What was asked back is erased again by an undo. Accounts that came in late are not: nobody noted which those were.
            record={"source": self.id, "again": self.staging.known, "returned": sorted(self.returned), "accounts": self.late},
        )
        with self.store.transaction():
            if not self.store.commit(self.stage, journal):
                return False
            for number in self.nameless:
                self.store.rename_member(number, f"erased-{number}")
            for stone in map(self.erased.__getitem__, sorted(self.returned)):
                self.store.put_tombstone(stone._replace(generation=stone.generation + 1, erased=False, at=now()))
        return True
