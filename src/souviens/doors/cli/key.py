"""souviens key"""

from __future__ import annotations

from pathlib import Path

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import PATH, Family, Invocation, command
from souviens.errors import UsageError
from souviens.vault import Vault, keys
from souviens.vault.keys import Credential, Header


@command("list")
def listed(invocation: Invocation) -> None:
    """Name the ways in. Needs no key."""
    _answer(invocation, keys.read_header(invocation.folder))


@command("add")
@click.option("--passphrase", is_flag=True, help="A passphrase: asked for twice, or SOUVIENS_NEW_PASSPHRASE.")
@click.option("--key-file", type=PATH, metavar="PATH", help="A key file: made if it is not there.")
@click.option("--keyring", is_flag=True, help="The OS keyring.")
@click.option("--name", default="", help="How to call it; else by its way.")
def add(invocation: Invocation, passphrase: bool, key_file: Path | None, keyring: bool, name: str) -> None:
    """Add a way in.

    Here --key-file names the new one. To open with another key file, give it before the verb: souviens --key-file OLD key add …
    """
    if passphrase + keyring + (key_file is not None) != 1:
        raise UsageError("one key at a time", "give one of --passphrase, --key-file PATH and --keyring", "souviens key add --help")
    with invocation.open(writes=True) as vault:
        wanted = name or ("passphrase" if passphrase else "keyring" if keyring else "keyfile")
        if wanted in {wrap.name for wrap in vault.header.wraps}:
            raise UsageError(f"there is a key named {wanted!r} already", "", "give this one another name with --name")
        _key(vault)
        if passphrase:
            credential: Credential | None = keys.passphrase(invocation.new_passphrase())
        elif key_file is not None:
            path = key_file.expanduser()
            credential = keys.read_key_file(path) if path.exists() else keys.new_key_file(path)
        else:
            credential = keys.keyring_credential(vault.header.id, create=True)
        assert credential is not None, "a keyring asked to create gives one or raises"
        _answer(invocation, _put(vault, credential, wanted))


@command("remove")
@click.argument("name")
def remove(invocation: Invocation, name: str) -> None:
    """Remove a way in; the last one stays."""
    with invocation.open(writes=True) as vault:
        header = keys.without(vault.header, name, _key(vault))
        keys.write_header(vault.folder, header)
    _answer(invocation, header)


@command("change")
@click.option("--name", default="passphrase", show_default=True, help="Which passphrase.")
def change(invocation: Invocation, name: str) -> None:
    """Change the passphrase: the new one is asked for twice, or SOUVIENS_NEW_PASSPHRASE."""
    with invocation.open(writes=True) as vault:
        if name not in {wrap.name for wrap in vault.header.wraps if wrap.way == "passphrase"}:
            raise UsageError(f"there is no passphrase named {name!r}", "", "souviens key add --passphrase")
        _answer(invocation, _put(vault, keys.passphrase(invocation.new_passphrase()), name))


@command("recovery")
def recovery(invocation: Invocation) -> None:
    """Make a new recovery code, shown once; an older one stops working."""
    with invocation.open(writes=True) as vault:
        _key(vault)
        code, credential = keys.new_recovery_code()
        header = _put(vault, credential, "recovery")
    _answer(invocation, header, code)


def _key(vault: Vault) -> bytes:
    if vault.key is None:
        raise UsageError("this vault is not encrypted, so it has no keys", "", "souviens doctor")
    return vault.key


def _put(vault: Vault, credential: Credential, name: str) -> Header:
    key = _key(vault)
    header = keys.plus(vault.header, keys.wrap(key, credential, name), key)
    keys.write_header(vault.folder, header)
    return header


def _answer(invocation: Invocation, header: Header, code: str = "") -> None:
    document: dict[str, object] = {
        "vault": header.id,
        "encrypted": header.cipher != "none",
        "keys": [{"name": w.name, "way": w.way, "memory": w.memory, "passes": w.passes} for w in header.wraps],
    }
    rows = [(w.name, w.way, f"Argon2id, {w.memory >> 20} MiB, {w.passes} passes" if w.memory else "") for w in header.wraps]
    lines = list(words.table(rows)) if rows else ["This vault is not encrypted: it has no keys."]
    if code:
        document["recovery_code"] = code
        lines += ["", f"    {code}", "", "This is the new recovery code. Write it on paper: it is not shown again."]
    invocation.answer(document, lines)


verb = Family(
    "key",
    commands=[listed, add, remove, change, recovery],
    no_args_is_help=True,
    help="""Manage the ways to open the vault.

    Each is the same data key, wrapped for a passphrase, a key file, the OS keyring or a recovery code. Changing one rewrites
    32 bytes and touches no data.""",
)
