"""Who can open a vault: one random data key, wrapped once for each way in.

    passphrase ─ Argon2id ─┐
    key file ──────────────┤
    OS keyring ────────────┼─> wrapping key ─ secretbox ─> data key (32 random bytes) ─ HMAC ─> one subkey a database
    recovery code ─────────┘

VAULT.json holds the wraps and nothing secret; it is authenticated with the data key, so a weakened or swapped wrap is
noticed. Changing a passphrase rewraps 32 bytes and touches no data.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import tempfile
import uuid
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from nacl import exceptions, pwhash, secret

from souviens.canon import canonical
from souviens.errors import Damaged, NewerFormat, NotFound, NoVault, UsageError, VaultError, WrongKey
from souviens.records import Record
from souviens.vault.connection import subkey

HEADER = "VAULT.json"
FORMAT = 1
Way: TypeAlias = Literal["passphrase", "keyfile", "keyring", "recovery"]
KEYFILE_PREFIX = b"souviens-key-1:"
# The floor: a header asking for less was weakened by somebody and is refused.
FLOOR_MEMORY, FLOOR_PASSES = 64 << 20, 3
DEFAULT_MEMORY, DEFAULT_PASSES = 256 << 20, 3  # about 0.4 s on two cores of 2026
CEILING_MEMORY, CEILING_PASSES = 4 << 30, 64


class Wrap(Record, frozen=True):
    """The data key under one wrapping key. name: how `key list` and `key remove` call it. salt, box: base64.

    memory (bytes), passes: Argon2id's, for a passphrase.
    """

    name: str
    way: Way
    salt: str
    box: str
    memory: int = 0
    passes: int = 0


class Header(Record, frozen=True):
    """VAULT.json. format: of the folder. cipher: "chacha20" or "none". check: tells a wrong key at once.

    seal: HMAC over the rest.
    """

    souviens: Literal["vault"]
    format: int
    id: str
    cipher: str
    created: str
    wraps: tuple[Wrap, ...] = ()
    check: str = ""
    seal: str = ""


class Credential(Record, frozen=True):
    """What somebody offers to open a vault with."""

    way: Way
    secret: bytes


def _seal(header: Header, key: bytes) -> str:
    return hmac.new(subkey(key, "header"), canonical(msgspec.structs.replace(header, seal="")), hashlib.sha256).hexdigest()


def _check(key: bytes) -> str:
    return subkey(key, "check").hex()[:32]


def _wrapping_key(credential: Credential, salt: bytes, memory: int, passes: int) -> bytes:
    if credential.way == "passphrase":
        return pwhash.argon2id.kdf(32, credential.secret, salt, opslimit=passes, memlimit=memory)
    # 128 random bits or more need no slow derivation.
    return hashlib.blake2b(credential.secret, digest_size=32, salt=salt, person=credential.way.encode()).digest()


def wrap(key: bytes, credential: Credential, name: str, *, memory: int = DEFAULT_MEMORY, passes: int = DEFAULT_PASSES) -> Wrap:
    """The data key wrapped for one credential. memory (bytes) and passes apply to a passphrase."""
    salt = os.urandom(16)
    box = secret.SecretBox(_wrapping_key(credential, salt, memory, passes)).encrypt(key)
    slow = credential.way == "passphrase"
    return Wrap(name, credential.way, _text(salt), _text(box), memory if slow else 0, passes if slow else 0)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def new_id() -> str:
    """Of a vault to be made."""
    return str(uuid.uuid4())


def new_header(cipher: str, created: str, key: bytes | None, wraps: tuple[Wrap, ...] = (), id: str = "") -> Header:
    header = Header("vault", FORMAT, id or new_id(), cipher, created, wraps, _check(key) if key else "")
    return sealed(header, key)


def sealed(header: Header, key: bytes | None) -> Header:
    return msgspec.structs.replace(header, seal=_seal(header, key) if key else "")


def unlock(header: Header, offered: list[Credential]) -> bytes | None:
    """The data key, or None for an unencrypted vault.

    Raises WrongKey (the same words whichever wrap failed), Damaged if the header was altered.
    """
    if header.cipher == "none":
        return None
    for credential in offered:
        for candidate in header.wraps:
            key = _open(candidate, credential) if candidate.way == credential.way else None
            if key is None or not hmac.compare_digest(_check(key), header.check):
                continue
            if not hmac.compare_digest(_seal(header, key), header.seal):
                raise Damaged(f"{HEADER}: was altered since it was written", "its seal does not match", "restore it from a copy")
            return key
    ways = ", ".join(sorted({w.way for w in header.wraps}))
    offers = ", ".join(c.way for c in offered) or "nothing"
    raise WrongKey(
        "this key does not open the vault", f"offered: {offers}; it opens by: {ways}", "try again, or use the recovery code"
    )


def _open(candidate: Wrap, credential: Credential) -> bytes | None:
    if candidate.way == "passphrase" and not (
        FLOOR_MEMORY <= candidate.memory <= CEILING_MEMORY and FLOOR_PASSES <= candidate.passes <= CEILING_PASSES
    ):
        raise Damaged(
            f"{HEADER}: asks for an unsafe key derivation",
            f"{candidate.memory >> 20} MiB, {candidate.passes} passes",
            "restore it from a copy",
        )
    try:
        salt, box = base64.b64decode(candidate.salt), base64.b64decode(candidate.box)
        return secret.SecretBox(_wrapping_key(credential, salt, candidate.memory, candidate.passes)).decrypt(box)
    except exceptions.CryptoError:
        return None
    except ValueError as error:
        raise Damaged(f"{HEADER}: wrap {candidate.name!r} is damaged", str(error), "restore it from a copy") from None


# --- the file ---------------------------------------------------------------------------------------------------------


def read_header(folder: Path) -> Header:
    """VAULT.json of a folder. Raises NoVault, Damaged, NewerFormat."""
    path = folder / HEADER
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NoVault(
            f"no vault in {folder}", f"{HEADER} is not there", "make one with: souviens init, or say where it is with --vault DIR"
        ) from None
    try:
        header = msgspec.json.decode(data, type=Header)
    except msgspec.MsgspecError as error:
        raise Damaged(f"{path}: cannot be read", str(error), "restore it from a copy; the data needs its keys") from None
    if header.format > FORMAT:
        raise NewerFormat(
            f"{folder} has vault format {header.format}", f"this souviens reads up to {FORMAT}", "pip install -U souviens"
        )
    return header


def write_header(folder: Path, header: Header) -> None:
    """Replace VAULT.json in one step: a crash leaves the old one or the new one."""
    data = msgspec.json.format(canonical(header), indent=2) + b"\n"
    replace_file(folder / HEADER, data)


def replace_file(path: Path, data: bytes) -> None:
    """Write beside, flush to the disk, rename over."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


# --- the ways in ------------------------------------------------------------------------------------------------------


def passphrase(text: str) -> Credential:
    """What a passphrase opens with. Raises UsageError if it is empty."""
    if not text:
        raise UsageError("the passphrase is empty", next="give one, or open the vault another way: souviens init --help")
    return Credential("passphrase", text.encode())


def new_key_file(path: Path) -> Credential:
    """Make a key file that only its owner can read. Raises UsageError rather than overwrite one."""
    data = KEYFILE_PREFIX + os.urandom(32).hex().encode() + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is already there", "a key file is never overwritten", "choose another name") from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return read_key_file(path)


def read_key_file(path: Path) -> Credential:
    """What a key file opens with. Raises WrongKey if it cannot be read or is none of ours."""
    try:
        data = path.read_bytes().strip()
    except OSError as error:
        raise WrongKey(f"key file {path}: cannot be read", error.strerror or "", "check the path, or use another way in") from None
    if not data.startswith(KEYFILE_PREFIX):
        raise WrongKey(
            f"{path} is not a souviens key file",
            "its first bytes are others",
            "give the one that opens the vault, or a path to make it at",
        )
    return Credential("keyfile", data.removeprefix(KEYFILE_PREFIX))


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U


def new_recovery_code() -> tuple[str, Credential]:
    """160 random bits as eight groups of four characters, to be written on paper; with the credential it makes."""
    number = int.from_bytes(os.urandom(20))
    digits = "".join(_ALPHABET[(number >> (5 * i)) & 31] for i in reversed(range(32)))
    code = "-".join(digits[i : i + 4] for i in range(0, 32, 4))
    return code, recovery(code)


def recovery(code: str) -> Credential:
    """Forgiving of case, spaces, hyphens and the letters that look like digits."""
    digits = code.upper().translate(str.maketrans("OIL", "011", " -\t\n"))
    if len(digits) != 32 or set(digits) - set(_ALPHABET):
        raise WrongKey(
            "this is not a recovery code", "it has eight groups of four letters and digits", "check it against your paper"
        )
    return Credential("recovery", digits.encode())


def keyring_credential(vault_id: str, *, create: bool = False) -> Credential | None:
    """The secret the OS keyring holds for this vault; None if it holds none. Raises VaultError if there is no keyring to ask."""
    try:
        import keyring
        from keyring import errors as keyring_errors
    except ImportError:
        if not create:
            return None
        raise VaultError(
            "the OS keyring cannot be used", "the package keyring is not installed", "pip install 'souviens[keyring]'"
        ) from None
    try:
        found = keyring.get_password("souviens", vault_id)
        if found is None and create:
            found = os.urandom(32).hex()
            keyring.set_password("souviens", vault_id, found)
    except keyring_errors.KeyringError as error:
        if not create:
            return None
        raise VaultError("the OS keyring cannot be used", str(error), "use a passphrase or --key-file") from None
    return None if found is None else Credential("keyring", found.encode())


def without(header: Header, name: str, key: bytes) -> Header:
    """The header with one wrap removed. Raises NotFound, and UsageError for the last way in."""
    left = tuple(w for w in header.wraps if w.name != name)
    if len(left) == len(header.wraps):
        names = ", ".join(w.name for w in header.wraps)
        raise NotFound(f"no key named {name!r}", f"there are: {names}", "souviens key list")
    if not left:
        raise UsageError(
            "this is the last key of the vault", "nobody could open it any more", "add another first: souviens key add"
        )
    return sealed(msgspec.structs.replace(header, wraps=left), key)


def plus(header: Header, added: Wrap, key: bytes) -> Header:
    """The header with one wrap more (or replaced, if one of that name is there)."""
    kept = tuple(w for w in header.wraps if w.name != added.name)
    return sealed(msgspec.structs.replace(header, wraps=(*kept, added)), key)
