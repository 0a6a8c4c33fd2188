"""What readers of databases share: what becomes of the file and of the logs beside it, and rows by what they belong to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from souviens import rowstore
from souviens.delivery import Delivery, Entry
from souviens.errors import SourceError
from souviens.jsonspan import Flaws, decode
from souviens.records import Json, Treatment
from souviens.rowstore import Row, quoted


def plan_rows(delivery: Delivery, entry: Entry, *, private: bool) -> dict[str, Treatment]:
    """What to do with a database that is read row by row, and with the files that SQLite keeps beside it.

    Raises SourceError if its log came beside it in a zip: what the client wrote last is in there, and a zip is never unpacked.
    """
    found: dict[str, Treatment] = {entry.name: "private_rows" if private else "rows"}
    packed = delivery.kind == "zip" or "!/" in entry.name
    for name in rowstore.beside(entry.name):
        log = delivery.entry(name)
        if log is None:
            continue
        if packed and log.size and not name.endswith("-shm"):
            raise SourceError(f"{entry.name}: its log lies beside it", f"{name} is not played in yet", "unpack it, add the folder")
        found[name] = "withhold" if private else "repeat"
    return found


class Shelf:
    """The rows of a database, by what they belong to. tables: those that have rows, each with its columns; of one that an older
    client did not have there are none, as of a column."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        found = rowstore.tables(database)
        self.tables = {name: found[name] for name in found if database.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 1").fetchone()}
        self._orders = {name: rowstore.order_of(database, name) for name in self.tables}
        self._indexed: set[tuple[str, str]] = set()

    def all(self, table: str) -> Iterator[Row]:
        """Every row of a table, in the order they were put in."""
        return rowstore.rows(self._database, table, order=self._orders[table]) if table in self.tables else iter(())

    def of(self, table: str, column: str, value: Json) -> list[Row]:
        """The rows with this value in a column, in the order they were put in."""
        if column not in self.tables.get(table, ()):
            return []
        if (table, column) not in self._indexed:
            rowstore.indexed(self._database, table, column)
            self._indexed.add((table, column))
        return list(rowstore.rows(self._database, table, f"{quoted(column)} IS ?", [value], order=self._orders[table]))


def without(row: Row, *columns: str) -> Row:
    """A row without its nulls, and without what the place it is put in says: whose it is, and its number."""
    return {column: value for column, value in row.items() if value is not None and column not in columns}


def as_json(value: Json) -> Json:
    """The JSON that a column of text holds, to stand in a slice as what it is; the text itself if it is no faultless JSON."""
    if not isinstance(value, str):
        return value
    try:
        read, flaws = decode(value.encode("utf-8", "surrogatepass"))
    except ValueError:
        return value
    return value if not isinstance(read, (dict, list)) or flaws != Flaws() else value.strip().encode()


def is_cut_from(title: Json, said: str) -> bool:
    """Whether a title is the beginning of something said, as clients make it."""
    words = title.rstrip(".… ") if isinstance(title, str) else ""
    return bool(words) and words in said
