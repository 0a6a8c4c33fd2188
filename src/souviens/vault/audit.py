"""What was done to the vault, as a hash chain without content.

Each entry commits to its subject with a salted HMAC, so that erasing the salt leaves the chain verifiable and says nothing
of what was erased (security.md 4.6 measured that a bare SHA-256 of short content is guessed at once).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any

import apsw
import msgspec

from souviens.canon import canonical
from souviens.records import Record

_GENESIS = b"\0" * 32


class Entry(Record, frozen=True):
    """at: RFC 3339 UTC. verb: what was done. subject: an id or "". counts: how many of what. commitment: HMAC-SHA256 under a
    salt of its own over the operation's record; salt: hex, "" once destroyed."""

    at: str
    verb: str
    subject: str = ""
    counts: dict[str, int] = {}
    commitment: str = ""
    salt: str = ""


_decoder = msgspec.json.Decoder(Entry)


def _decode(data: Any) -> Entry:
    return _decoder.decode(data)


def _link(previous: bytes, entry: Entry) -> bytes:
    # The salt is outside the chain: destroying it must not break a single link.
    return hashlib.sha256(previous + canonical(msgspec.structs.replace(entry, salt=""))).digest()


def append(
    db: apsw.Connection, *, at: str, verb: str, subject: str = "", counts: dict[str, int] | None = None, record: bytes = b""
) -> None:
    """Add an entry, inside the caller's transaction."""
    salt = os.urandom(16)
    commitment = hmac.new(salt, record, hashlib.sha256).hexdigest()
    entry = Entry(at=at, verb=verb, subject=subject, counts=counts or {}, commitment=commitment, salt=salt.hex())
    row = db.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number, previous = (row[0] + 1, row[1]) if row else (1, _GENESIS)
    db.execute("INSERT INTO audit VALUES (?, ?, ?)", (number, canonical(entry), _link(previous, entry)))


def forget_salts(db: apsw.Connection, subject: str) -> None:
    """Destroy the salts of every entry on `subject`: the chain stays whole, its commitments can no longer be tested."""
    for number, data in db.execute("SELECT number, entry FROM audit").fetchall():
        entry = _decode(data)
        if entry.subject == subject and entry.salt:
            db.execute("UPDATE audit SET entry = ? WHERE number = ?", (canonical(msgspec.structs.replace(entry, salt="")), number))


def entries(db: apsw.Connection) -> list[Entry]:
    return [_decode(data) for (data,) in db.execute("SELECT entry FROM audit ORDER BY number")]


def broken(db: apsw.Connection) -> list[int]:
    """The numbers of the entries whose link does not follow from the one before: empty if the chain is whole."""
    wrong, previous, expected = [], _GENESIS, 1
    for number, data, link in db.execute("SELECT number, entry, hash FROM audit ORDER BY number"):
        if number != expected or _link(previous, _decode(data)) != link:
            wrong.append(number)
        previous, expected = link, number + 1
    return wrong
