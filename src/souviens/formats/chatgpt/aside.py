"""What the side files of an export say: which member holds the bytes a conversation points to, and what it was called.

Three generations are joined: names that begin with a file id (`file-…-photo.png`, `user-…/file_….png`,
`dalle-generations/file-….webp`, `<conversation>/audio/file_….wav`), opaque `<file id>.dat` members named by
`conversation_asset_file_names.json`, and `library_files.json`, which also knows the message a file came from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from souviens.delivery import Delivery, Entry
from souviens.errors import SourceError
from souviens.formats.chatgpt.shape import look, names_assets, row
from souviens.jsonspan import decode

_FILE_ID = re.compile(r"file[-_][A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Sidecars:
    """members: file id -> entry name. names: file id -> the file's own name. types: file id -> media type.
    library: (message id, file name) -> file id, for links into a container's disk."""

    members: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    library: dict[tuple[str, str], str] = field(default_factory=dict)

    def made_by(self, message: str, name: str) -> str:
        """The file id the library gives for a file of that name made in that message; "" if it knows of none."""
        return self.library.get((message, name), "")


def file_id(pointer: str) -> str:
    """The bare id in a pointer: "file-service://file-A" -> "file-A", "sediment://…#file_B#p_1.png" -> "file_B"."""
    rest = pointer.rpartition("://")[2]
    return next((piece for piece in rest.split("#")[1:] if _FILE_ID.match(piece)), rest.partition("#")[0])


def sidecars(delivery: Delivery) -> Sidecars:
    """Read the side files once. One that cannot be decoded says nothing; its bytes are kept like those of any other member."""
    found = Sidecars()
    for entry in delivery.entries:
        first = row(entry)
        if names_assets(first):
            found.names.update({_stem(member): name for member, name in first.items()})
        elif {"file_id", "file_name"} <= first.keys():
            _library(entry, found)
        elif not first or look(entry) is None:
            _member(entry.name, found)
    return found


def _library(entry: Entry, found: Sidecars) -> None:
    try:
        with entry.open() as stream:
            files = decode(stream.read().removeprefix(b"\xef\xbb\xbf"))[0]
    except (ValueError, SourceError):
        return
    for file in files if isinstance(files, list) else ():
        identity, name = (file.get("file_id"), file.get("file_name")) if isinstance(file, dict) else (None, None)
        if not isinstance(identity, str) or not isinstance(name, str):
            continue
        found.names.setdefault(identity, name)
        media_type = file.get("mime_type") or file.get("mime")
        if isinstance(media_type, str):
            found.types[identity] = media_type
        message = file.get("origination_message_id")
        if isinstance(message, str):
            found.library[message, name] = identity


def _member(name: str, found: Sidecars) -> None:
    stem = _stem(name)
    found.members.setdefault(stem, name)
    if match := _FILE_ID.match(stem):
        found.members.setdefault(match[0], name)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0] or name.rpartition("/")[2]
