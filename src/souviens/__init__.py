"""souviens: the open, user-owned memory for people who work with AI models.

    import os, souviens
    from pathlib import Path

    key = souviens.passphrase("...")
    with souviens.create(Path("vault"), {"mine": key}, at="2026-03-01T00:00:00Z", data_key=os.urandom(32)) as vault:
        receipt = souviens.take_in(vault, Path("export.zip"))
        with souviens.open_index(vault) as index:
            found = souviens.ask("which clay did I settle on?", 10, store=vault.store, index=index, encoder=None)

`unlock` opens a vault again; `souviens.encode.find` gives the encoder, if one is installed. Everything raises `SouviensError`,
which says what, why and what to do next. Names not listed in `__all__` may change.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from souviens.errors import SouviensError
    from souviens.grants import OWNER, Scope
    from souviens.port.checking import rebuild, verify
    from souviens.port.erasing import erase, undo
    from souviens.port.giving import choose, give_back, move
    from souviens.port.indexing import open_index
    from souviens.port.intake import take_in
    from souviens.port.lines import export_lines, import_lines
    from souviens.port.remembering import remember, review
    from souviens.port.viewing import find, listing, show
    from souviens.recall import ask, assemble
    from souviens.vault import Vault, create, unlock
    from souviens.vault.keys import passphrase, read_key_file

__all__ = [
    "OWNER",
    "Scope",
    "SouviensError",
    "Vault",
    "ask",
    "assemble",
    "choose",
    "create",
    "erase",
    "export_lines",
    "find",
    "give_back",
    "import_lines",
    "listing",
    "move",
    "open_index",
    "passphrase",
    "read_key_file",
    "rebuild",
    "remember",
    "review",
    "show",
    "take_in",
    "undo",
    "unlock",
    "verify",
]

# Where each name lives. They are imported when they are first asked for: all at once would take half a second, and
# `souviens --help` passes through here.
_HOMES = {
    "souviens.errors": ("SouviensError",),
    "souviens.grants": ("OWNER", "Scope"),
    "souviens.port.checking": ("rebuild", "verify"),
    "souviens.port.erasing": ("erase", "undo"),
    "souviens.port.giving": ("choose", "give_back", "move"),
    "souviens.port.indexing": ("open_index",),
    "souviens.port.intake": ("take_in",),
    "souviens.port.lines": ("export_lines", "import_lines"),
    "souviens.port.remembering": ("remember", "review"),
    "souviens.port.viewing": ("find", "listing", "show"),
    "souviens.recall": ("ask", "assemble"),
    "souviens.vault": ("Vault", "create", "unlock"),
    "souviens.vault.keys": ("passphrase", "read_key_file"),
}


def __getattr__(name: str) -> object:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'souviens' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
