"""souviens init"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from souviens.doors.cli.invocation import PASSPHRASE, Invocation, command
from souviens.errors import UsageError

if TYPE_CHECKING:
    from souviens.vault.keys import Credential


@command("init")
@click.option("--keyring", is_flag=True, help="Let the OS keyring open it, without asking.")
@click.option("--no-recovery", is_flag=True, help="Make no recovery code.")
@click.option("--no-encryption", is_flag=True, help="Do not encrypt: whoever has the disk can read it.")
def verb(invocation: Invocation, keyring: bool, no_recovery: bool, no_encryption: bool) -> None:
    """Make a vault.

    It opens by a passphrase (asked for, or SOUVIENS_PASSPHRASE), or by a key file if you give --key-file (made if it is not
    there); and by a recovery code, shown once: write it down.
    """
    from souviens.port.intake import now
    from souviens.vault import create, keys

    _check(invocation, keyring, no_encryption)
    id = keys.new_id()
    offered: dict[str, Credential] = {} if no_encryption else _ways_in(invocation, id if keyring else "")
    code = ""
    if not (no_encryption or no_recovery):
        code, offered["recovery"] = keys.new_recovery_code()
    with create(invocation.folder, offered, now(), None if no_encryption else os.urandom(32), id=id) as vault:
        header = vault.header
    names = [wrap.name for wrap in header.wraps]
    lines = [f"A vault was made in {invocation.folder}."]
    lines.append(f"It opens by: {', '.join(names)}." if names else "It is not encrypted: whoever has the disk can read it.")
    if code:
        lines += ["", f"    {code}", "", "This is its recovery code. Write it on paper: it is not shown again."]
    document = {
        "vault": str(invocation.folder),
        "id": header.id,
        "encrypted": not no_encryption,
        "keys": names,
        "recovery_code": code or None,
    }
    invocation.answer(document, lines)
    invocation.tell("next: souviens add EXPORT")


def _check(invocation: Invocation, keyring: bool, no_encryption: bool) -> None:
    """Before anybody types a passphrase twice."""
    from souviens.vault.keys import HEADER

    folder = invocation.folder
    if folder.is_dir() and any(folder.iterdir()):
        what = f"{'there is a vault' if (folder / HEADER).exists() else 'there is something else'} in {folder} already"
        raise UsageError(what, "it is left as it is", "give another folder with --vault DIR")
    if no_encryption and (keyring or invocation.key_file):
        why = "--no-encryption was given with a key"
        raise UsageError("a vault that is not encrypted has no keys", why, "leave one of them out")


def _ways_in(invocation: Invocation, keyring: str) -> dict[str, Credential]:
    """What is to open it. keyring: the vault's id if the OS keyring is to; asked before anything is made, as it may be absent."""
    from souviens.vault import keys

    ways: dict[str, Credential] = {}
    if keyring and (secret := keys.keyring_credential(keyring, create=True)):
        ways["keyring"] = secret
    if text := os.environ.get(PASSPHRASE):
        ways["passphrase"] = keys.passphrase(text)
    if invocation.key_file:
        path = invocation.key_file.expanduser()
        ways["keyfile"] = keys.read_key_file(path) if path.exists() else keys.new_key_file(path)
    if not ways:
        ways["passphrase"] = keys.passphrase(invocation.prompt("Passphrase for the new vault", confirm=True))
    return ways
