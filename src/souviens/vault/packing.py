"""Records to bytes and back: canonical-enough JSON under zstd, one pack a conversation.

Packing all messages of a conversation together costs 0.86 x the source where one row a message costs 1.4 x (measured).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

import msgspec
import zstandard

from souviens.errors import Damaged
from souviens.records import Conversation, Memory, Record, Topic
from souviens.vault.store import Kind, Packed

TYPES: dict[Kind, type[Packed]] = {"conversation": Conversation, "memory": Memory, "topic": Topic}
_T = TypeVar("_T")
_LEVEL = 1  # 390 MB/s and 0.30 of the size, against 230 MB/s and 0.29 at level 3 (slices of 43 kB, measured)
_encoder = msgspec.json.Encoder(decimal_format="number")
# Numbers inside `extra` come back as they were written (1.10 stays 1.10): floats decode to Decimal.
_decoders = {kind: msgspec.json.Decoder(type, float_hook=Decimal) for kind, type in TYPES.items()}


class _Zstd(threading.local):
    """A compressor and decompressor for each thread: sharing one between threads crashes the interpreter (measured)."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()
MAX_UNPACKED = 4 << 30


_lines: dict[Kind, msgspec.json.Decoder[dict[str, Packed]]] = {
    kind: msgspec.json.Decoder(dict[str, type], float_hook=Decimal)  # type: ignore[valid-type]
    for kind, type in TYPES.items()
}


def decode(kind: Kind, line: bytes) -> Packed:
    """The record in a line ``{"conversation": {…}}`` of a plain export. Raises msgspec.MsgspecError."""
    return _lines[kind].decode(line)[kind]


class MessageSkeleton(Record, frozen=True):
    id: str
    hash: str = ""


class Skeleton(Record, frozen=True):
    """Of a packed conversation only what a tally needs: an order of magnitude cheaper to decode than the whole."""

    id: str
    messages: tuple[MessageSkeleton, ...] = ()


_skeleton = msgspec.json.Decoder(Skeleton)


def reader(type: type[_T]) -> Callable[[bytes], _T]:
    """What reads a row's JSON as this type, and raises Damaged if it is not."""
    read = msgspec.json.Decoder(type).decode

    def checked(data: bytes) -> _T:
        try:
            return read(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Damaged("truth.db: a row is damaged", str(error), "souviens verify") from None

    return checked


def compress(data: bytes) -> bytes:
    return _zstd.compress(data)


def decompress(data: bytes, what: str) -> bytes:
    """Raises Damaged (naming `what`) if the bytes are not what was compressed."""
    try:
        return _zstd.decompress(data, max_output_size=MAX_UNPACKED)
    except zstandard.ZstdError as error:
        raise Damaged(f"{what}: cannot be unpacked", str(error), "souviens verify") from None


def pack(record: Packed) -> tuple[bytes, bytes]:
    """(compressed bytes, SHA-256 of the JSON before compression)."""
    data = _encoder.encode(record)
    return _zstd.compress(data), hashlib.sha256(data).digest()


def unpacked(data: bytes, digest: bytes, what: str) -> bytes:
    """The JSON of a pack, checked against its digest."""
    plain = decompress(data, what)
    if hashlib.sha256(plain).digest() != digest:
        raise Damaged(f"{what}: its bytes are not those that were stored", "the digest differs", "souviens rebuild --records")
    return plain


def unpack(kind: Kind, data: bytes, digest: bytes, what: str) -> Packed:
    """The record in a pack. Raises Damaged if the bytes changed or do not decode."""
    try:
        return _decoders[kind].decode(unpacked(data, digest, what))
    except msgspec.MsgspecError as error:
        raise Damaged(f"{what}: is not a {kind}", str(error), "souviens rebuild --records") from None


def skeleton(data: bytes, digest: bytes, what: str) -> Skeleton:
    """Ids and hashes of a packed conversation's messages. Raises Damaged."""
    try:
        return _skeleton.decode(unpacked(data, digest, what))
    except msgspec.MsgspecError as error:
        raise Damaged(f"{what}: is not a conversation", str(error), "souviens rebuild --records") from None
