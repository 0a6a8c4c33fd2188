"""The ways in and out: which formats can be read, which written, and what a person does at each provider. From the code alone."""

from __future__ import annotations

import difflib
from typing import TypeAlias, cast

from souviens import formats
from souviens.errors import UsageError
from souviens.formats import Guide
from souviens.records import Json

Document: TypeAlias = dict[str, Json]
_NOTHING = Guide(())


def readable() -> list[Document]:
    """The formats that can be read, by name; support is one of `formats.SUPPORT_LEVELS`."""
    return [
        {"name": _spelt(name), "title": reader.TITLE, "support": getattr(reader, "SUPPORT", "samples"), "reader": reader.READER}
        for name, reader in sorted(formats.readers().items())
    ]


def targets() -> list[Document]:
    """What `move --to` can write: names as they are given there, what each carries and cannot, and what is done with the files."""
    return [
        {
            "name": name,
            "title": writer.TITLE,
            "carries": list(writer.CARRIES),
            "cannot": list(writer.CANNOT),
            "how": "; ".join(_guide(writer).bring),
        }
        for name, writer in sorted(formats.writers().items())
    ]


def guide(provider: str) -> Document:
    """What a person does to get the export of a provider, and to bring ours in. Raises UsageError for a name nobody bears."""
    modules: dict[str, object] = {_spelt(name): module for name, module in (formats.readers() | formats.writers()).items()}
    name = _spelt(provider.strip().lower().replace(" ", "-"))
    if name not in modules:
        close = difflib.get_close_matches(name, modules, 1) or [n for n in modules if n.replace("-", "") == name.replace("-", "")]
        what = f"no guide for {provider!r}" if provider else "no provider was given"
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(modules))}"
        raise UsageError(what, hint, f"souviens guide {close[0] if close else 'chatgpt'}")
    module = modules[name]
    found = _guide(module)
    return {
        "name": name,
        "title": cast(formats.Reader, module).TITLE,
        "reads": hasattr(module, "read"),
        "writes": hasattr(module, "write"),
        "get": list(found.get),
        "bring": list(found.bring),
        "notes": list(found.notes),
    }


def _guide(module: object) -> Guide:
    return cast(Guide, getattr(module, "GUIDE", _NOTHING))


def _spelt(name: str) -> str:
    """As a person types it."""
    return name.replace("_", "-")
