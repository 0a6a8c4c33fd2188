"""Every export in a folder through a vault of its own, and a row for each provider: what was read, and what was lost of it.

    python -m bench.corpus FOLDER        FOLDER/<provider>/<delivery>, as `make corpus CORPUS=FOLDER`

Of each delivery: exactly one reader claims it, the sums of its receipt hold, every leaf value of its slices is in the records or
is named by a refusal, its files come back byte for byte or are withheld by name, taking it in again changes nothing, and the
vault verifies. What no reader claims is listed by name. Ends with 1 if any of this does not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.accounting import FORMATS as BY_ANOTHER_LAW
from bench.accounting import account
from souviens import formats, vault
from souviens.delivery import open_delivery
from souviens.errors import NotFound, SouviensError
from souviens.port.checking import verify
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.port.receipts import SourceReceipt
from souviens.port.staging import NOUNS
from souviens.records import Counts
from tests.golden import readings
from tests.lossless import unaccounted

HEAD = f"{'provider':14} {'files':>5} {'chats':>6} {'messages':>8} {'branches':>8} {'memories':>8} {'topics':>6} "
HEAD += f"{'unknown':>7} {'withheld':>8} {'refused':>7} {'lost':>5} {'identical':>9}"


@dataclass
class Row:
    """What one provider's deliveries came to. lost: leaf values that are neither in the records nor in a refused unit."""

    name: str
    files: int = 0
    read: Counts = field(default_factory=Counts)
    unknown: int = 0
    withheld: int = 0
    refused: int = 0
    lost: int = 0
    identical: int = 0
    members: int = 0
    faults: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    kept_out: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        read = self.read
        return (
            f"{self.name:14} {self.files:>5} {read.conversations:>6} {read.messages:>8} {read.branch_points:>8} {read.memories:>8} "
            f"{read.topics:>6} "
            f"{self.unknown:>7} {self.withheld:>8} {self.refused:>7} {self.lost:>5} {self.identical:>4}/{self.members:<4}"
        )


def deliveries(corpus: Path) -> Iterator[tuple[str, list[Path]]]:
    """(provider, its deliveries) for each folder that does not begin with an underscore."""
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))):
        found = (path for path in folder.iterdir() if not path.name.startswith((".", "_")))
        yield folder.name, sorted(path for path in found if not path.name.endswith((".expected.jsonl", ".sql")))


def measure(name: str, paths: list[Path]) -> dict[str, Row]:
    """A row for each format that the deliveries turn out to be; what none claims is under the folder's name."""
    rows: dict[str, Row] = {}
    for path in paths:
        where = f"{name}/{path.name}"
        with open_delivery(path) as delivery:
            claims = sorted(name for name, reader in formats.readers().items() if reader.identify(delivery) is not None)
        row = rows.setdefault(claims[0] if claims else name, Row(claims[0] if claims else name))
        if len(claims) != 1:
            (row.faults if claims else row.unread).append(f"{where}: claimed by {' and '.join(claims)}" if claims else where)
            continue
        try:
            with tempfile.TemporaryDirectory() as scratch:
                _through(path, where, row, Path(scratch))
        except SouviensError as error:
            row.unread.append(f"{where} ({error.why or error.what})")
    return rows


def _through(path: Path, where: str, row: Row, scratch: Path) -> None:
    with vault.create(scratch / "vault", {}, "2026-01-01T00:00:00Z", None) as made:
        receipt = take_in(made, path)
        before = made.store.live()
        again = take_in(made, path)
        if not again.known or made.store.live() != before:
            row.faults.append(f"{where}: taking it in again changed something")
        row.faults += [f"{where}: {problem}" for problem in verify(made).problems]
        try:
            members = give_back(made, receipt.id, scratch / f"back{path.suffix}").members
        except NotFound:  # one file, and withheld as a whole: a database with logins in it
            if not receipt.withheld:
                raise
            row.kept_out += [f"{where}: {withheld.path}, {withheld.reason}" for withheld in receipt.withheld]
            members = ()
    row.faults += [f"{where}: {fault}" for fault in _unbalanced(receipt)]
    row.faults += [f"{where}: {m.name} is not as it came" for m in members if not m.identical and not receipt.withheld]
    row.files += 1
    row.read = row.read.plus(receipt.read)
    row.unknown += sum(receipt.unknown_fields.values())
    row.withheld += len(receipt.withheld)
    row.refused += len(receipt.refused)
    row.members += len(members)
    row.identical += sum(member.identical for member in members)
    row.lost += _lost(path, receipt.format, scratch).total()


def _unbalanced(receipt: SourceReceipt) -> Iterator[str]:
    """For each noun read = new + changed + unchanged + refused."""
    refused = Counter(problem.kind for problem in receipt.refused)
    for noun in NOUNS:
        plural = "memories" if noun == "memory" else f"{noun}s"
        parts = [getattr(counts, plural) for counts in (receipt.new, receipt.changed, receipt.unchanged)]
        if getattr(receipt.read, plural) != sum(parts) + refused[noun]:
            yield f"{plural}: {getattr(receipt.read, plural)} read, {parts} and {refused[noun]} refused"


def _lost(path: Path, name: str, scratch: Path) -> Counter[str]:
    if name in BY_ANOTHER_LAW:  # they say some things twice, and `bench.accounting` knows which
        found = account(path, scratch / "accounting")
        return found.lost if found is not None and not found.refused else Counter()
    format = formats.reader(name)
    total: Counter[str] = Counter()
    with open_delivery(path) as delivery:
        for slice, reading in readings(format, delivery):
            total += Counter() if reading.problems else unaccounted(format, slice, reading)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("corpus", type=Path)
    corpus = parser.parse_args().corpus
    if not corpus.is_dir():
        sys.exit(f"{corpus}: there is no such folder")
    rows: dict[str, Row] = {}
    for name, paths in deliveries(corpus):
        for found, row in measure(name, paths).items():
            rows[found] = _joined(rows[found], row) if found in rows else row
    print(HEAD)
    for row in sorted(rows.values(), key=lambda row: row.name):
        if row.files:
            print(row)
    unread = [name for row in rows.values() for name in row.unread]
    print(f"\nnot read, and said so: {len(unread)}" + "".join(f"\n  {name}" for name in sorted(unread)))
    kept_out = sorted(name for row in rows.values() for name in row.kept_out)
    if kept_out:
        print(f"read, their originals withheld: {len(kept_out)}" + "".join(f"\n  {name}" for name in kept_out))
    faults = [fault for row in rows.values() for fault in row.faults]
    print("".join(f"\n  FAULT {fault}" for fault in faults) if faults else "no fault")
    sys.exit(1 if faults or sum(row.lost for row in rows.values()) else 0)


def _joined(one: Row, other: Row) -> Row:
    return Row(
        one.name,
        one.files + other.files,
        one.read.plus(other.read),
        one.unknown + other.unknown,
        one.withheld + other.withheld,
        one.refused + other.refused,
        one.lost + other.lost,
        one.identical + other.identical,
        one.members + other.members,
        one.faults + other.faults,
        one.unread + other.unread,
        one.kept_out + other.kept_out,
    )


if __name__ == "__main__":
    main()
