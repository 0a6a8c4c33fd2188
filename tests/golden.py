"""What each reader makes of its fixtures, written out: `python -m tests.golden [--write]`.

Every `tests/formats/<format>/<case>` (a file or a folder) has a `<case>.expected.jsonl` beside it: a line a record, in the order
of reading. A database is written down as `<case>.sql` and built from it when a test asks. Without --write the two are compared and
nothing is touched. Read a difference by eye before you write it: the golden file is the statement of what is right.
"""

from __future__ import annotations

import atexit
import difflib
import functools
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from souviens.delivery import Delivery, open_delivery
from souviens.formats import CUT, Reader, reader
from souviens.jsonspan import Slice
from souviens.records import Reading

FIXTURES = Path(__file__).parent / "formats"
_EXPECTED = ".expected.jsonl"
_ENCODER = msgspec.json.Encoder(order="deterministic", decimal_format="number")


def fixtures(format: str = "*") -> list[Path]:
    """The fixtures of one format (or of all), sorted by format and name; neither golden files nor caches. Databases are built."""
    found = sorted(path for path in FIXTURES.glob(f"{format}/*") if not path.name.startswith(("_", ".")))
    return [_built(path) if path.suffix == ".sql" else path for path in found if not path.name.endswith(_EXPECTED)]


@functools.cache
def _databases() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="souviens-fixtures-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@functools.cache
def _built(script: Path) -> Path:
    path = _databases() / script.parent.name / f"{script.stem}.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path)
    database.executescript(script.read_text(encoding="utf-8"))
    database.close()
    return path


def expected(case: Path) -> Path:
    """The golden file beside a fixture."""
    return FIXTURES / case.parent.name / ((case.name if case.is_dir() else case.stem) + _EXPECTED)


def copied(case: Path, folder: Path) -> Path:
    """A copy of a fixture in a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    target = folder / case.name
    if case.is_dir():
        shutil.copytree(case, target)
    else:
        shutil.copyfile(case, target)
    return target


def readings(format: Reader, delivery: Delivery) -> Iterator[tuple[Slice, Reading]]:
    """Every slice of a delivery with its reading, in order."""
    treatments = format.plan(delivery)
    aside = format.sidecars(delivery)
    for entry in delivery.entries:
        if treatments.get(entry.name) in CUT:
            for piece in format.cut(entry):
                if isinstance(piece, Slice):
                    yield piece, format.read(piece, aside)


def golden(case: Path) -> str:
    """The text that the golden file of a fixture must hold: a line with the shape and the plan, then a line a record."""
    format = reader(case.parent.name)
    with open_delivery(case) as delivery:
        lines = [msgspec.json.encode({"shape": format.identify(delivery), "plan": format.plan(delivery)}, order="sorted")]
        for _, reading in readings(format, delivery):
            records = (*reading.conversations, *reading.memories, *reading.topics, *reading.problems)
            lines += [_line(record) for record in records]
            if reading.unknown:
                lines.append(msgspec.json.encode({"unknown": reading.unknown}, order="sorted"))
    return "".join(line.decode() + "\n" for line in lines)


def _line(record: msgspec.Struct) -> bytes:
    return _ENCODER.encode({type(record).__name__: record})


def main(arguments: list[str]) -> int:
    """Compare, or with --write write; the number of fixtures that differ."""
    differing = 0
    for case in fixtures():
        text, target = golden(case), expected(case)
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        if text == before:
            continue
        differing += 1
        if "--write" in arguments:
            target.write_text(text, encoding="utf-8")
        else:
            sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), text.splitlines(True), str(target), str(case)))
    return 0 if "--write" in arguments else differing


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
