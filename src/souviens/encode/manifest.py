"""What an installed encoder's folder says of itself: encoder.json."""

from __future__ import annotations

from pathlib import Path

import msgspec

from souviens.errors import EncoderError
from souviens.records import Record

INSTALL = "souviens encoder install"
FILE = "encoder.json"


class Manifest(Record, frozen=True):
    """One installed model.

    id: vectors of two ids never mix. files: name -> SHA-256 (hex) of what lies beside the manifest. source: where the weights
    came from. fidelity: the lowest cosine to the numpy reference over the golden texts, measured on this machine.
    """

    name: str
    id: str
    dimensions: int
    max_tokens: int
    files: dict[str, str]
    source: str
    fidelity: float
    licence: str

    def write(self, folder: Path) -> None:
        (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def read(folder: Path) -> Manifest | None:
    """The manifest in `folder`, or None if no encoder is installed there. Raises EncoderError if it cannot be understood."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise EncoderError(f"{path}: not an encoder's manifest", str(error), INSTALL) from None
