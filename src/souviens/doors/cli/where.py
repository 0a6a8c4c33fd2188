"""souviens where"""

from __future__ import annotations

from pathlib import Path

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command
from souviens.doors.cli.places import encoder_folder, settings_file


@command("where")
def verb(invocation: Invocation) -> None:
    """Print every path souviens uses."""
    import sys

    folder = invocation.folder
    indexes = sorted(folder.glob("index-*.db"))
    paths: dict[str, Path | None] = {
        "vault": folder,
        "keys": folder / "VAULT.json",
        "truth": folder / "truth.db",
        "index": indexes[-1] if indexes else None,
        "key_file": invocation.key_file,
        "encoder": encoder_folder(),
        "settings": settings_file(),
        "python": Path(sys.executable),
    }
    document = {name: str(path) if path else None for name, path in paths.items()}
    lines = [(name.replace("_", " "), str(path), "" if path.exists() else "(not there)") for name, path in paths.items() if path]
    invocation.answer(document, words.table(lines))
