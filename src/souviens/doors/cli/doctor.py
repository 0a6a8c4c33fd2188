"""souviens doctor"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from souviens.doors.cli import words
from souviens.doors.cli.invocation import PASSPHRASE, Invocation, command
from souviens.errors import EncoderError, SouviensError
from souviens.records import Record

if TYPE_CHECKING:
    from souviens.vault import Vault

_ROOM = 500 << 20  # bytes free on the disk, below which an intake may not fit


class Check(Record, frozen=True, omit_defaults=False):
    """One thing looked at. fix: the command that mends it."""

    name: str
    state: Literal["ok", "problem"]
    detail: str
    fix: str = ""


@command("doctor")
def verb(invocation: Invocation) -> int:
    """Check this installation and this vault.

    Exit code 1 if there is a problem. `souviens verify` looks deeper, at every byte.
    """
    from souviens.port.viewing import plain

    checks = [*_installation(), *_vault(invocation), _encoder(invocation)]
    problems = [check for check in checks if check.state == "problem"]
    invocation.answer({"ok": not problems, "checks": plain(checks)}, _lines(checks))
    return 1 if problems else 0


def _lines(checks: list[Check]) -> Iterator[str]:
    yield from words.table([("OK" if c.state == "ok" else "PROBLEM", c.name, c.detail) for c in checks])
    fixes = [check for check in checks if check.fix]
    if fixes:
        yield ""
        yield from words.table([("next:", check.fix, f"({check.name})") for check in fixes])


def _looked(name: str, look: Callable[[], str]) -> Check:
    """A check that raises what is wrong."""
    try:
        return Check(name, "ok", look())
    except SouviensError as error:
        return Check(name, "problem", f"{error.what}{': ' if error.why else ''}{error.why}", error.next)


# --- the installation -------------------------------------------------------------------------------------------------


def _installation() -> Iterator[Check]:
    yield Check("python", "ok", sys.version.split()[0])
    yield _looked("database", _database)
    yield _looked("console", lambda: f"{sys.stdout.encoding}; characters it cannot show are written as escapes")
    yield _looked("formats", _formats)


def _database() -> str:
    import apsw

    from souviens.vault.connection import connect

    with contextlib.closing(connect(Path(":memory:"), None, create=True)):
        return f"SQLite {apsw.sqlite_lib_version()}"


def _formats() -> str:
    from souviens import formats

    return f"reads {', '.join(formats.readers())}; writes {', '.join(formats.writers())}"


# --- the vault --------------------------------------------------------------------------------------------------------


def _vault(invocation: Invocation) -> Iterator[Check]:
    from souviens.vault import keys

    header = _looked("vault", lambda: f"{invocation.folder}, made {keys.read_header(invocation.folder).created[:10]}")
    yield header
    if header.state == "problem":
        return
    yield _privacy(invocation)
    yield _room(invocation)
    yield _unattended(invocation)
    try:
        vault = invocation.open()
    except SouviensError as error:
        yield Check("key", "problem", f"{error.what}: {error.why}", error.next)
        return
    with vault:
        yield Check("key", "ok", "opens it")
        yield _erasures(vault)
        yield _audit(vault)
        yield _index(vault)
        yield _content(vault)


def _privacy(invocation: Invocation) -> Check:
    from souviens.vault import keys

    if keys.read_header(invocation.folder).cipher == "none":
        fix = "souviens export -o FILE; souviens --vault NEW init; souviens --vault NEW import FILE"
        return Check("privacy", "problem", "the vault is not encrypted: whoever has the disk can read it", fix)
    mode = invocation.folder.stat().st_mode & 0o077
    if os.name == "posix" and mode:
        return Check("privacy", "problem", "other users of this machine may look into its folder", f"chmod 700 {invocation.folder}")
    return Check("privacy", "ok", "encrypted, and its folder is yours alone")


def _room(invocation: Invocation) -> Check:
    free = shutil.disk_usage(invocation.folder).free
    fix = "" if free >= _ROOM else "free some space on this disk"
    return Check("room", "problem" if fix else "ok", f"{words.size(free)} free", fix)


def _unattended(invocation: Invocation) -> Check:
    """Can a client's settings start `souviens mcp`, which never asks?"""
    from souviens.vault import keys

    header = keys.read_header(invocation.folder)
    name = "opens unasked"
    if header.cipher == "none" or invocation.key_file or os.environ.get(PASSPHRASE):
        return Check(name, "ok", "by what this command was given")
    if any(wrap.way == "keyring" for wrap in header.wraps) and keys.keyring_credential(header.id):
        return Check(name, "ok", "by the OS keyring")
    return Check(name, "ok", "no: a model's client cannot start souviens mcp", "souviens key add --key-file PATH")


def _erasures(vault: Vault) -> Check:
    waiting = len(vault.store.pending_journal())
    if waiting:
        return Check("erasures", "problem", f"{waiting} not finished", "souviens rebuild")
    return Check("erasures", "ok", "all finished")


def _audit(vault: Vault) -> Check:
    entries, broken = vault.store.audit()
    if broken:
        detail = f"{len(broken)} of {entries} entries do not follow from the one before"
        return Check("audit", "problem", detail, "restore the vault from a copy, then: souviens verify")
    return Check("audit", "ok", f"{words.count(entries, 'entry')}, an unbroken chain")


def _index(vault: Vault) -> Check:
    from souviens.port import indexing

    live = {seq for seq, _, _ in vault.store.live()}
    with indexing.open_index(vault) as index:
        missing = len(live - set(index.held()))
    if missing:
        return Check("index", "problem", f"{missing:,} of {len(live):,} records are not in it", "souviens rebuild")
    return Check("index", "ok", words.count(len(live), "record"))


def _content(vault: Vault) -> Check:
    sources, records = vault.store.sources(), vault.store.live()
    fix = "" if records else "souviens add EXPORT"
    return Check("content", "ok", f"{words.count(len(sources), 'source')}, {words.count(len(records), 'record')}", fix)


# --- the encoder ------------------------------------------------------------------------------------------------------


def _encoder(invocation: Invocation) -> Check:
    encoder = invocation.encoder()
    if encoder is None:
        return Check("encoder", "ok", "none: recall goes by words alone", "souviens encoder install")
    try:
        encoder.encode(["works"])
    except EncoderError as error:
        return Check("encoder", "problem", f"{error.what}: {error.why}", error.next)
    return Check("encoder", "ok", encoder.id)
