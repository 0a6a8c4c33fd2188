"""Databases of other programs: a snapshot that disturbs nobody, and rows that say all that the database says."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from souviens import rowstore
from souviens.delivery import open_delivery
from souviens.errors import SourceError
from souviens.records import Json


def built(path: Path, script: str) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(script)
    return path


def read(path: Path, table: str, where: str = "", values: tuple[Json, ...] = ()) -> list[rowstore.Row]:
    with path.open("rb") as stream, rowstore.opened(stream, path.name) as database:
        return list(rowstore.rows(database, table, where, values))


@contextlib.contextmanager
def client(path: Path, mode: str = "WAL") -> Iterator[sqlite3.Connection]:
    """A program that has its database open, as long as the test lasts."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as database:
        database.execute(f"PRAGMA journal_mode={mode}")
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("CREATE TABLE said (words TEXT)")
        yield database


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


# --- a live client ----------------------------------------------------------------------------------------------------


def test_a_snapshot_sees_what_was_committed_and_disturbs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with client(path) as database:
        database.execute("INSERT INTO said VALUES ('only in the log')")
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO said VALUES ('not committed')")
        before = state(tmp_path)
        assert rowstore.has_log(path)
        with rowstore.snapshot(path) as copy:
            assert copy.parent != tmp_path
            assert [row["words"] for row in read(copy, "said")] == ["only in the log"]
            assert not rowstore.has_log(copy)
        assert not copy.parent.exists()
        assert state(tmp_path) == before
        database.execute("COMMIT")  # nobody stood in its way
    with rowstore.snapshot(path) as copy:
        assert len(read(copy, "said")) == 2


def test_a_transaction_that_was_never_finished_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with client(path, "DELETE") as database:
        database.execute("INSERT INTO said VALUES ('before')")
        database.execute("PRAGMA cache_size=1")
        database.execute("BEGIN")
        database.execute("UPDATE said SET words = 'after'")
        database.executemany("INSERT INTO said VALUES (?)", [("x" * 4000,) for _ in range(50)])  # spills into the file
        assert rowstore.has_log(path)
        with rowstore.snapshot(path) as copy:
            assert [row["words"] for row in read(copy, "said")] == ["before"]
        database.execute("ROLLBACK")


def test_a_database_that_is_written_to_all_the_time_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "live.db"
    with client(path) as database:
        copyfile = rowstore.shutil.copyfile

        def copied_while_it_writes(source: Path, target: Path) -> None:
            database.execute("INSERT INTO said VALUES ('again')")
            copyfile(source, target)

        monkeypatch.setattr(rowstore.shutil, "copyfile", copied_while_it_writes)
        monkeypatch.setattr(rowstore, "_TICK", 0)
        with pytest.raises(SourceError, match="is being written to"), rowstore.snapshot(path):
            pass


def test_a_write_of_this_moment_is_waited_for(tmp_path: Path) -> None:
    """Its time could be that of a write to come: so that the state would not tell them apart."""
    path = tmp_path / "live.db"
    with client(path) as database:
        database.execute("INSERT INTO said VALUES ('now')")
        with rowstore.snapshot(path) as copy:
            taken = copy.stat().st_ctime_ns
        assert taken - path.with_name("live.db-wal").stat().st_mtime_ns >= rowstore._TICK


def test_open_delivery_takes_the_snapshot_when_a_log_lies_beside(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    path = folder / "live.db"
    with client(path) as database:
        database.execute("INSERT INTO said VALUES ('only in the log')")
        for given in (path, folder):
            with open_delivery(given) as delivery:
                entry = delivery.entry("live.db")
                assert entry is not None
                assert delivery.peek(entry).tables == {"said": ("words",)}
                with entry.open() as stream, rowstore.opened(stream, entry.name) as rows:
                    assert list(rowstore.rows(rows, "said")) == [{"words": "only in the log"}]


def test_open_delivery_takes_the_file_itself_when_no_log_lies_beside(tmp_path: Path) -> None:
    path = built(tmp_path / "still.db", "CREATE TABLE t (a)")
    path.with_name("still.db-wal").touch()
    with open_delivery(path) as delivery:
        assert delivery.entries[0].head() == path.read_bytes()


def test_a_file_that_is_no_database_has_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"words")
    (tmp_path / "notes-wal").write_bytes(b"more words")
    with open_delivery(tmp_path / "notes") as delivery:
        assert delivery.entries[0].head() == b"words"
    with pytest.raises(SourceError), rowstore.snapshot(tmp_path / "notes"):
        pass


# --- rows -------------------------------------------------------------------------------------------------------------


def test_every_value_comes_back_with_its_type(tmp_path: Path) -> None:
    path = built(
        tmp_path / "values.db",
        """CREATE TABLE t (v);
        INSERT INTO t VALUES (NULL), (-9223372036854775808), (9223372036854775807), (0.1), (1e300), (9e999), (-9e999),
        (''), ('né à l’aube'), (CAST(X'6100623D' AS TEXT)), (CAST(X'61FF62' AS TEXT)),
        (CAST(X'EDA080' AS TEXT)), (X''), (X'00FF');""",
    )
    values = [row["v"] for row in read(path, "t")]
    assert values == [
        None,
        -(2**63),
        2**63 - 1,
        0.1,
        1e300,
        {"$real": "inf"},
        {"$real": "-inf"},
        "",
        "né à l’aube",
        "a\0b=",
        {"$text": "Yf9i"},
        {"$text": "7aCA"},
        {"$blob": ""},
        {"$blob": "AP8="},
    ]
    assert json.loads(rowstore.document(values)) == values


def test_a_row_is_found_by_any_value_but_broken_text(tmp_path: Path) -> None:
    path = built(tmp_path / "values.db", "CREATE TABLE t (v); INSERT INTO t VALUES (7), ('7'), (X'37'), (9e999), (NULL);")
    for row in read(path, "t"):
        assert read(path, "t", '"v" IS ?', (row["v"],)) == [row]


def test_a_utf16_database_reads_like_any_other(tmp_path: Path) -> None:
    path = built(tmp_path / "wide.db", "PRAGMA encoding='UTF-16le'; CREATE TABLE t (v); INSERT INTO t VALUES ('маяк 🦅');")
    assert read(path, "t") == [{"v": "маяк 🦅"}]


def test_rows_come_in_the_order_they_were_put_in(tmp_path: Path) -> None:
    path = built(
        tmp_path / "order.db",
        """CREATE TABLE plain (k PRIMARY KEY); INSERT INTO plain VALUES ('b'), ('c'), ('a');
        CREATE TABLE keyed (k PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO keyed VALUES ('b', 1), ('c', 2), ('a', 3);
        CREATE TABLE odd (rowid, oid, k); INSERT INTO odd VALUES (3, 2, 'b'), (1, 3, 'c'), (2, 1, 'a');
        CREATE TABLE all_three (rowid, oid, _ROWID_, k); INSERT INTO all_three VALUES (2, 2, 2, 'b'), (1, 1, 1, 'c');""",
    )
    assert [row["k"] for row in read(path, "plain")] == ["b", "c", "a"]
    assert [row["k"] for row in read(path, "keyed")] == ["a", "b", "c"]
    assert [row["k"] for row in read(path, "odd")] == ["b", "c", "a"]
    assert [row["k"] for row in read(path, "all_three")] == ["b", "c"]


def test_tables_with_odd_names(tmp_path: Path) -> None:
    names = ['say "hi"', "select", "a;b--c", "маяк", "x' y", "[z]"]
    script = "".join(
        f'CREATE TABLE {rowstore.quoted(name)} ("the ""column""", "order"); INSERT INTO {rowstore.quoted(name)} VALUES (1, 2);'
        for name in names
    )
    path = built(tmp_path / "odd.db", script)
    with path.open("rb") as stream, rowstore.opened(stream, "odd.db") as database:
        assert rowstore.tables(database) == dict.fromkeys(sorted(names), ('the "column"', "order"))
        for name in names:
            rowstore.indexed(database, name, "order")
            assert list(rowstore.rows(database, name, '"order" = ?', [2])) == [{'the "column"': 1, "order": 2}]


def test_only_tables_with_rows_of_their_own_are_told(tmp_path: Path) -> None:
    path = built(
        tmp_path / "views.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE VIEW seen AS SELECT * FROM t;"
        "CREATE VIRTUAL TABLE words USING fts5(v, content='t');",
    )
    with path.open("rb") as stream, rowstore.opened(stream, "views.db") as database:
        assert {"t", "seen", "words", "sqlite_sequence"} & rowstore.tables(database).keys() == {"t"}


def test_what_is_done_to_find_rows_touches_only_the_copy(tmp_path: Path) -> None:
    path = built(tmp_path / "still.db", "CREATE TABLE t (k, v); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (1, 'c');")
    before = state(tmp_path)
    with path.open("rb") as stream, rowstore.opened(stream, "still.db") as database:
        rowstore.indexed(database, "t", "k")
        assert "USING INDEX" in str(list(database.execute("EXPLAIN QUERY PLAN SELECT * FROM t WHERE k = 1")))
        assert [row["v"] for row in rowstore.rows(database, "t", '"k" = ?', [1])] == ["a", "c"]
    assert state(tmp_path) == before


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    script = "CREATE TABLE t (b, a); INSERT INTO t VALUES (0.30000000000000004, 'é'), (X'00', NULL);"
    one, other = built(tmp_path / "one.db", script), built(tmp_path / "other.db", "CREATE TABLE u (x);" + script)
    assert rowstore.document(read(one, "t")) == rowstore.document(read(other, "t"))
    assert rowstore.document(read(one, "t")[0]) == '{"b":0.30000000000000004,"a":"é"}'.encode()


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_database_out_of_a_zip_whose_header_promises_a_log(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with client(path) as database:
        database.execute("INSERT INTO said VALUES ('in the file')")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
            archive.write(path, "app.db")
            archive.writestr("chats.json", "[]")
    with open_delivery(tmp_path / "app.zip") as delivery:
        entry = delivery.entries[0]
        assert delivery.peek(entry).tables == {"said": ("words",)}
        with entry.open() as stream, rowstore.opened(stream, "app.db") as found:
            assert list(rowstore.rows(found, "said")) == [{"words": "in the file"}]


def test_a_file_cut_off_is_refused_whole(tmp_path: Path) -> None:
    """What SQLite would still read of it could be wrong: of a long text whose last page is gone it reads zeros."""
    path = built(tmp_path / "long.db", "CREATE TABLE t (v); INSERT INTO t VALUES ('first'), (hex(zeroblob(9000)));")
    data = path.read_bytes()
    for kept in (0, 1, 16, 100, 4096, len(data) - 4096, len(data) - 1):
        refused = pytest.raises(SourceError, match=r"long\.db: a database that cannot be read")
        with refused, rowstore.opened(BytesIO(data[:kept]), "long.db") as database:
            list(rowstore.rows(database, "t"))
        if kept < 16:  # to SQLite it is an empty one
            assert rowstore.schema(BytesIO(data[:kept]), "long.db") == {}
            continue
        with pytest.raises(SourceError, match=r"long\.db: a database that cannot be read"):
            rowstore.schema(BytesIO(data[:kept]), "long.db")


def test_bytes_changed_anywhere_are_an_error_of_the_source_or_none(tmp_path: Path) -> None:
    path = built(tmp_path / "small.db", "PRAGMA page_size=512; CREATE TABLE aé (b, c); INSERT INTO aé VALUES (1, 'x'), (2, 'y');")
    data = path.read_bytes()
    for at in range(0, len(data), 3):
        broken = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        with contextlib.suppress(SourceError), rowstore.opened(BytesIO(broken), "small.db") as database:
            for table in rowstore.tables(database):
                list(rowstore.rows(database, table))


def test_no_code_of_the_database_is_run(tmp_path: Path) -> None:
    """A view or a trigger of a hostile file could call functions: none of either is ever asked for."""
    path = built(tmp_path / "trap.db", "CREATE VIEW chats AS SELECT load_extension('evil') AS id;")
    with path.open("rb") as stream, rowstore.opened(stream, "trap.db") as database:
        assert rowstore.tables(database) == {}
        with pytest.raises(sqlite3.OperationalError, match=r"unsafe use|not authorized|no such function"):
            list(database.execute("SELECT * FROM chats"))
