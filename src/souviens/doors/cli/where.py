"""souviens where"""

from __future__ import annotations

from pathlib import Path

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command
from souviens.doors.cli.places import encoder_folder, settings_file


@command("where")
@click.option("--formats", "with_formats", is_flag=True, help="Name the formats that can be read and written, too.")
def verb(invocation: Invocation, with_formats: bool) -> None:
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
    document: dict[str, object] = {name: str(path) if path else None for name, path in paths.items()}
    lines = [(name.replace("_", " "), str(path), "" if path.exists() else "(not there)") for name, path in paths.items() if path]
    told = list(words.table(lines))
    if with_formats:
        from souviens import formats

        document["reads"] = {name: reader.TITLE for name, reader in formats.readers().items()}
        document["writes"] = {name: writer.TITLE for name, writer in formats.writers().items()}
        told += ["", "reads   " + ", ".join(formats.readers()), "writes  " + ", ".join(formats.writers())]
    invocation.answer(document, told)
