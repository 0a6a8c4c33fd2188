"""What readers of databases share: what becomes of the file and of the logs beside it, rows by what they belong to, and the rows
that nothing took: a table that nobody knows is named, whatever the client."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Set

from souviens import rowstore
from souviens.canon import make_id, tagged_hash
from souviens.delivery import Delivery, Entry
from souviens.errors import SourceError
from souviens.formats._dialogue import loaded, refused
from souviens.formats._fields import Fields, name_type
from souviens.jsonspan import Flaws, Glue, Slice, decode, load
from souviens.records import Document, Json, Reading, Topic, Treatment
from souviens.rowstore import Row, document, quoted

ROWS = "rows"  # the kind of a slice that holds rows of one table which belong to nothing that is read


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
    """The rows of a database, by what they belong to, and which of them were given. tables: those that have rows, each with its
    columns; of one that an older client did not have there are none, as of a column."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        found = rowstore.tables(database)
        shadows = {row["name"] for row in database.execute("PRAGMA table_list") if row["type"] == "shadow"}
        held = (name for name in found if name not in shadows)  # not what SQLite itself keeps of a table for searching
        self.tables = {name: found[name] for name in held if database.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 1").fetchone()}
        self._orders = {name: rowstore.order_of(database, name) for name in self.tables}
        self._indexed: set[tuple[str, str]] = set()
        # Of a table None if all of it was given, else by columns the values for which its rows were.
        self._given: dict[str, dict[tuple[str, ...], set[bytes]] | None] = {}

    def all(self, table: str) -> Iterator[Row]:
        """Every row of a table, in the order they were put in."""
        self._given[table] = None
        return self.seen(table)

    def seen(self, table: str) -> Iterator[Row]:
        """The same, only to be looked at: they are still to be given."""
        return rowstore.rows(self._database, table, order=self._orders[table]) if table in self.tables else iter(())

    def of(self, table: str, column: str, value: Json, **further: Json) -> list[Row]:
        """The rows with this value in a column (and those in further ones), in the order they were put in."""
        wanted = {column: value, **further}
        if not wanted.keys() <= set(self.tables.get(table, ())):
            return []
        if (table, column) not in self._indexed:
            rowstore.indexed(self._database, table, column)
            self._indexed.add((table, column))
        given = self._given.setdefault(table, {})
        if given is not None:
            given.setdefault(tuple(wanted), set()).add(document(list(wanted.values())))
        where = " AND ".join(f"{quoted(name)} IS ?" for name in wanted)
        return list(rowstore.rows(self._database, table, where, wanted.values(), order=self._orders[table]))

    def give(self, table: str, row: Row) -> None:
        """Count a row as given that was only looked at."""
        if (given := self._given.setdefault(table, {})) is not None:
            given.setdefault(tuple(row), set()).add(document(list(row.values())))

    def left(self, table: str) -> Iterator[Row]:
        """The rows of a table that were not given."""
        given = self._given.get(table, {})
        for row in self.seen(table) if given is not None else ():
            if not any(document([row[name] for name in names]) in values for names, values in (given or {}).items()):
                yield row


def leftovers(shelf: Shelf, path: str, *, readable: Set[str] | None, secret: Set[str]) -> Iterator[Glue | Slice]:
    """Table by table the rows that were not given: a slice of them if they are readable, else how many there are, said as withheld.

    readable: of a private database the tables that are known to hold no key; any other may. None for a file that is kept: all.
    secret: tables of accounts, logins and keys, and of the client's own housekeeping: that the file holds such says it already.
    """
    for table in sorted(shelf.tables.keys() - secret):
        if readable is None or table in readable:
            if rows := list(shelf.left(table)):
                yield load(Slice(ROWS, path, f".{table}", document({"table": table, "rows": rows})))
        elif count := sum(1 for _ in shelf.left(table)):
            yield unread(table, count)


def unread(table: str, count: int) -> Glue:
    """What is withheld of a private database because nobody knows whether it may be read."""
    what = f"{count} {'entry' if count == 1 else 'entries'} of a table that is not read"
    return Glue(document({"table": table, "rows": count}), what, f".{table}")


def read_rows(provider: str, slice: Slice) -> Reading:
    """The rows of one table as the documents of a topic: a row's words if it has any, all else of it in `extra`. One without an id
    or a name is called by a hash, or two of them would be one."""
    slice = loaded(slice)
    if slice.damage or not isinstance(slice.value, dict):
        return refused(slice, slice.damage or f"not an object but {name_type(slice.value)}", "source")
    fields = Fields(slice.value)
    table = fields.text("table")
    documents = tuple(_row(Fields(row)) for row in fields.left.get("rows") or () if isinstance(row, dict))
    fields.left["rows"] = [row for row in fields.items("rows") if not isinstance(row, dict)]
    fields.tidy("rows")
    told = Topic(make_id("t", provider, "table", table), "topic", table, provider, documents=documents, extra=fields.left)
    return Reading(topics=(told,))


def _row(fields: Fields) -> Document:
    own = tagged_hash(fields.left)
    id, name, text = fields.identifier("id"), fields.text("title", "name"), fields.text("content", "text")
    return Document(name or ("" if id else own), text, id, extra=fields.left)


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
