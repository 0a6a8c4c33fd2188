"""What writers of another provider's export share: its container, ids, arguments as objects. The same records, the same bytes."""

from __future__ import annotations

import io
import uuid
import zipfile

from souviens.jsonspan import decode
from souviens.records import Json

_IDS = uuid.UUID("0b1f6a52-53d3-5c0e-9f86-7f0c6c2c4d11")  # our namespace: the same record has the same UUID in every export
_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say; when a file was written is nobody's business
_FILE = 0o644 << 16


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files, in this order, that does not depend on the clock or the machine's defaults."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, _DAY)
            member.create_system, member.external_attr, member.compress_type = 3, _FILE, zipfile.ZIP_DEFLATED
            archive.writestr(member, data, compresslevel=6)
    return out.getvalue()


class Uuids:
    """UUIDs for records: the provider's own where it is one that nobody has yet, else one made from our id."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, provider_id: str | None, id: str) -> str:
        try:
            own = str(uuid.UUID(provider_id or ""))
        except ValueError:
            own = ""
        given = own if own and own == provider_id and own not in self._taken else made(id)
        self._taken.add(given)
        return given


def made(*identity: str) -> str:
    """The UUID that is made from these words, always the same."""
    return str(uuid.uuid5(_IDS, "\x1f".join(identity)))


def parsed(words: str) -> dict[str, Json] | None:
    """A call's arguments that were kept as a string, if they are one plain JSON object."""
    if words.lstrip()[:1] != "{":
        return None
    try:
        value, flaws = decode(words.encode())
    except ValueError:
        return None
    return value if isinstance(value, dict) and not (flaws.unreal or flaws.duplicates or flaws.surrogates) else None
