"""Deliveries: whatever lies in a container is listed, bounded, and can be written back; what is dangerous is refused by name."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from souviens.delivery import Delivery, Entry, Limits, open_delivery, write_container
from souviens.errors import SourceError
from souviens.records import Json

DEFAULTS = Limits()
CONVERSATIONS = b'[{"title": "secret words", "mapping": {"a": [1]}, "id": "1"}, {"title": "b"}]'


def make_zip(members: list[tuple[str | zipfile.ZipInfo, bytes]], comment: bytes = b"", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.comment = comment
        for name, data in members:
            attributes = name.external_attr if isinstance(name, zipfile.ZipInfo) else None
            archive.writestr(name, data)
            if attributes is not None:  # writestr replaces 0 by a default
                archive.filelist[-1].external_attr = attributes
    return target.getvalue()


def saved(folder: Path, data: bytes, name: str = "export.zip") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def contents(delivery: Delivery) -> list[tuple[str, int, Json, bytes]]:
    return [(entry.name, entry.size, entry.directory, entry.open().read()) for entry in delivery.entries]


def reasons(path: Path, limits: Limits = DEFAULTS) -> tuple[list[str], dict[str, str]]:
    """Names taken in, and the reason of each name refused."""
    with open_delivery(path, limits) as delivery:
        assert all(problem.kind == "source" and problem.path == str(path) for problem in delivery.problems)
        return [entry.name for entry in delivery.entries], {problem.where: problem.reason for problem in delivery.problems}


def members_of(delivery: Delivery) -> Iterator[tuple[str, Json, Iterator[bytes]]]:
    def pieces(entry: Entry) -> Iterator[bytes]:
        with entry.open() as stream:
            while piece := stream.read(7):
                yield piece

    return ((entry.name, entry.directory, pieces(entry)) for entry in delivery.entries)


def without_sizes(directory: Json) -> Json:
    """A directory without the sizes of the zips inside, which are compressed anew."""
    if not isinstance(directory, dict):
        return directory
    order = [
        {key: without_sizes(value) for key, value in item.items() if key != "size"} if isinstance(item, dict) else item
        for item in directory["order"]
    ]
    return {**directory, "order": order}


def round_trip(path: Path) -> Path:
    """Open, write, open: the same members, order, times, methods and directory."""
    again = path.with_name("again")
    with open_delivery(path) as first:
        write_container(first.kind, first.directory, members_of(first), again)
        with open_delivery(again) as second:
            assert first.kind in ("file", second.kind)
            if first.kind != "file":
                assert [entry.name for entry in second.entries] == [entry.name for entry in first.entries]
            assert [item[1:] for item in contents(second)] == [item[1:] for item in contents(first)]
            assert without_sizes(second.directory) == without_sizes(first.directory)
            assert not second.problems
    assert not list(path.parent.glob(".*partial"))
    return again


# --- what is listed ---------------------------------------------------------------------------------------------------


def test_a_file(tmp_path: Path) -> None:
    path = saved(tmp_path, CONVERSATIONS, "conversations.json")
    with open_delivery(path) as delivery:
        (entry,) = delivery.entries
        assert (delivery.kind, delivery.bytes, delivery.sha256) == (
            "file",
            len(CONVERSATIONS),
            hashlib.sha256(CONVERSATIONS).hexdigest(),
        )
        assert (entry.name, entry.size, entry.open().read()) == ("conversations.json", len(CONVERSATIONS), CONVERSATIONS)
        assert entry.head(5) == CONVERSATIONS[:5]
        assert delivery.entry("conversations.json") is entry
        assert delivery.entry("absent") is None
    again = round_trip(path)
    assert again.read_bytes() == CONVERSATIONS
    assert again.stat().st_mtime_ns == path.stat().st_mtime_ns


def test_a_folder_is_sorted_and_links_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "b" / "empty").mkdir(parents=True)
    (folder / "b" / "x.json").write_bytes(b"[]")
    (folder / "a.json").write_bytes(CONVERSATIONS)
    (folder / "inner.zip").write_bytes(make_zip([("c.json", b"[1]")]))
    os.utime(folder / "b", ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    round_trip(folder)
    with open_delivery(folder) as delivery:
        assert [entry.name for entry in delivery.entries] == ["a.json", "b/x.json", "inner.zip!/c.json"]
        lines = "".join(
            f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
            for path in (folder / "a.json", folder / "b" / "x.json", folder / "inner.zip")
        )
        assert delivery.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    (folder / "link.json").symlink_to(folder / "a.json")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    names, refused = reasons(folder)
    assert names == ["a.json", "b/x.json", "inner.zip!/c.json"]
    assert refused == {"link.json": "a symbolic link", "loop": "a symbolic link", "pipe": "not a regular file"}


def test_a_zip_comes_back_with_order_times_methods_and_attributes(tmp_path: Path) -> None:
    stored = zipfile.ZipInfo("z/first.bin", (2024, 2, 29, 12, 34, 56))
    stored.external_attr, stored.create_system, stored.comment = 0, 0, b"note"
    stored.extra = b"\x55\x54\x05\x00\x01\x00\x00\x00\x00"
    squeezed = zipfile.ZipInfo("é/ü.json", (1980, 1, 1, 0, 0, 0))
    squeezed.compress_type = zipfile.ZIP_BZIP2
    archive = make_zip(
        [("z/", b""), (stored, b"\0" * 50), (squeezed, b"[]"), ("a.json", CONVERSATIONS), ("empty/", b"")], comment=b"of the whole"
    )
    path = saved(tmp_path, archive)
    round_trip(path)
    with open_delivery(path) as delivery:
        assert [entry.name for entry in delivery.entries] == ["z/first.bin", "é/ü.json", "a.json"]
        assert delivery.entries[0].directory["external_attr"] == 0


def test_an_ordinary_zip_comes_back_byte_for_byte(tmp_path: Path) -> None:
    archive = make_zip([("user.json", b"{}"), ("conversations.json", CONVERSATIONS * 50)])
    assert round_trip(saved(tmp_path, archive)).read_bytes() == archive


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_in_zips(tmp_path: Path, method: int, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = make_zip([("deep/", b""), ("deep/x.json", b"[3]")], comment=b"deep")
    inner = make_zip([("a.json", b"[1]"), ("deep.bin", deep), ("b.json", b"[2]")])
    outer = make_zip([("0.txt", b"zero"), ("inner.zip", inner), ("9.txt", b"nine")], method=method)
    path = saved(tmp_path, outer)
    for held in (64 << 20, 0):  # in memory, and through the member's own stream
        monkeypatch.setattr("souviens.delivery._HELD", held)
        with open_delivery(path) as delivery:
            assert [(entry.name, entry.open().read()) for entry in delivery.entries] == [
                ("0.txt", b"zero"),
                ("inner.zip!/a.json", b"[1]"),
                ("inner.zip!/deep.bin!/deep/x.json", b"[3]"),
                ("inner.zip!/b.json", b"[2]"),
                ("9.txt", b"nine"),
            ]
            # In any order, and twice.
            assert [entry.head(3) for entry in reversed(delivery.entries)] == [b"nin", b"[2]", b"[3]", b"[1]", b"zer"]
    round_trip(path)


def test_an_attached_zip_is_an_ordinary_entry(tmp_path: Path) -> None:
    document = make_zip([("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>")])
    broken = make_zip([("a.json", b"[]")])[:-30]
    path = saved(tmp_path, make_zip([("note.docx", document), ("broken.zip", broken), ("c.json", b"[]")]))
    with open_delivery(path) as delivery:
        assert [(entry.name, entry.open().read()) for entry in delivery.entries] == [
            ("note.docx", document),
            ("broken.zip", broken),
            ("c.json", b"[]"),
        ]
    round_trip(path)


def test_a_withheld_member_is_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path, make_zip([("a.json", b"[]"), ("login.json", b"{}"), ("z.json", b"[1]")]))
    with open_delivery(path) as delivery:
        kept = (member for member in members_of(delivery) if member[0] != "login.json")
        write_container("zip", delivery.directory, kept, tmp_path / "again.zip")
        assert zipfile.ZipFile(tmp_path / "again.zip").namelist() == ["a.json", "z.json"]
        strange: list[tuple[str, Json, Iterator[bytes]]] = [("strange", {}, iter([b""]))]
        with pytest.raises(SourceError, match="not written"):
            write_container("zip", delivery.directory, iter(strange), tmp_path / "never.zip")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["again.zip", "export.zip"]


def test_a_folder_is_never_written_outside_its_target(tmp_path: Path) -> None:
    record = {"modified": 0}
    with pytest.raises(SourceError, match="not written"):
        write_container("folder", {"order": ["../x"]}, iter([("../x", record, iter([b"x"]))]), tmp_path / "sub")
    assert list(tmp_path.iterdir()) == []


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../up.json", "a/../../up.json", "/etc/x.json", "C:/x.json", "c:x.json", "a\\..\\x.json", "a//b", "./a", "nul\0.json"]
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    stand_in = "N" * len(name)
    archive = make_zip([(stand_in, b"[]"), ("good.json", b"[]")]).replace(stand_in.encode(), name.encode())
    names, refused = reasons(saved(tmp_path, archive))
    assert names == ["good.json"]
    assert list(refused) == [name.replace("\0", "\\0")]


def test_links_duplicates_encryption_and_methods(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = bytearray(
            make_zip(
                [("a.json", b"[1]"), (link, b"/etc/x"), ("a.json", b"[2]"), ("locked", b"x"), ("odd", b"y"), ("z.json", b"[]")]
            )
        )
    at = archive.rindex(b"PK\x01\x02", 0, archive.rindex(b"locked"))
    archive[at + 8] |= 1
    at = archive.rindex(b"PK\x01\x02", 0, archive.rindex(b"odd"))
    archive[at + 10] = 99
    path = saved(tmp_path, bytes(archive))
    names, refused = reasons(path)
    assert names == ["a.json", "z.json"]
    assert list(refused) == ["link", "a.json", "locked", "odd"]
    words = ("link", "second", "encrypted", "99")
    assert all(word in reason for word, reason in zip(words, refused.values(), strict=True))
    with open_delivery(path) as delivery:
        assert delivery.entries[0].open().read() == b"[1]"


def test_limits(tmp_path: Path) -> None:
    path = saved(tmp_path, make_zip([(f"{n}.txt", b"x" * 10) for n in range(5)]))
    assert reasons(path, Limits(entries=3))[0] == ["0.txt", "1.txt", "2.txt"]
    assert "entries" in reasons(path, Limits(entries=3))[1]["3.txt"]
    assert reasons(path, Limits(member=9))[0] == []
    names, refused = reasons(path, Limits(total=25))
    assert (names, list(refused)) == (["0.txt", "1.txt"], ["2.txt", "3.txt", "4.txt"])


def test_zips_too_deep_are_kept_as_files(tmp_path: Path) -> None:
    data = make_zip([("x.json", b"[]")])
    for _ in range(3):
        data = make_zip([("in.zip", data)])
    names, refused = reasons(saved(tmp_path, data), Limits(depth=2))
    assert names == ["in.zip!/in.zip!/in.zip"]
    assert "deeper" in refused[names[0]]
    assert reasons(saved(tmp_path, data))[0] == ["in.zip!/in.zip!/in.zip!/x.json"]


def test_a_bomb_is_refused_and_the_rest_read(tmp_path: Path) -> None:
    path = saved(tmp_path, make_zip([("bomb.json", b" " * (4 << 20)), ("good.json", b"[]")]))
    names, refused = reasons(path)
    assert names == ["good.json"]
    assert "bomb" in refused["bomb.json"]
    assert reasons(path, Limits(ratio=5000))[0] == ["bomb.json", "good.json"]


def central(archive: bytearray) -> int:
    return archive.index(b"PK\x01\x02")


def test_a_header_that_lies_about_the_compressed_size(tmp_path: Path) -> None:
    archive = bytearray(make_zip([("bomb.json", b" " * (4 << 20))]))
    archive[central(archive) + 20 : central(archive) + 24] = (1 << 20).to_bytes(4, "little")
    assert "bomb" in reasons(saved(tmp_path, bytes(archive)))[1]["bomb.json"]


@pytest.mark.parametrize("declared", [10, 4000])
def test_a_header_that_lies_about_the_size(tmp_path: Path, declared: int) -> None:
    archive = bytearray(make_zip([("a.json", b"[" + b"1," * 1000 + b"1]")]))
    archive[central(archive) + 24 : central(archive) + 28] = declared.to_bytes(4, "little")
    with open_delivery(saved(tmp_path, bytes(archive))) as delivery, pytest.raises(SourceError, match=r"a\.json"):
        assert len(delivery.entries[0].open().read()) <= declared


def test_damaged_bytes_name_their_member(tmp_path: Path) -> None:
    archive = bytearray(make_zip([("good.json", b"[]"), ("sub/bad.json", b"[1, 2, 3]" * 20)], method=zipfile.ZIP_STORED))
    archive[archive.index(b"[1, 2") + 1] ^= 1
    with open_delivery(saved(tmp_path, bytes(archive))) as delivery:
        assert delivery.entries[0].open().read() == b"[]"
        with pytest.raises(SourceError, match=r"export\.zip: sub/bad\.json") as caught:
            delivery.entries[1].open().read()
        assert caught.value.next


def test_a_file_that_grew_or_shrank_since(tmp_path: Path) -> None:
    path = saved(tmp_path, b"[1]", "a.json")
    with open_delivery(path) as delivery:
        for changed in (b"[1, 2]", b"["):
            path.write_bytes(changed)
            with pytest.raises(SourceError, match="damaged"):
                delivery.entries[0].open().read()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "0 bytes"),
        (make_zip([("a.json", b"[]")])[:-25], "cut off"),
        (make_zip([]), "empty zip"),
        (b"PK\x03\x04", "cut off"),
    ],
    # Names of their own: a zip holds the time it was made at, and two processes that collect would disagree.
    ids=["empty", "zip cut off", "empty zip", "four bytes"],
)
def test_nothing_to_take_in(tmp_path: Path, data: bytes, word: str) -> None:
    with pytest.raises(SourceError, match=word) as caught, open_delivery(saved(tmp_path, data)):
        pass
    assert "download" in caught.value.next


def test_absent_and_empty_places(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"), open_delivery(tmp_path / "absent.zip"):
        pass
    with pytest.raises(SourceError, match="empty folder"), open_delivery(tmp_path):
        pass


# --- describing -------------------------------------------------------------------------------------------------------


def test_describe_names_structure_and_no_content(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        make_zip(
            [
                ("conversations.json", CONVERSATIONS),
                ("many.json", b'{"k0": 0' + b"".join(b', "k%d": "v"' % n for n in range(1, 12)) + b"}"),
                ("a.png", b"\x89PNG\r\n\x1a\n\0\0"),
                ("page", b" <!DOCTYPE html><p>secret"),
                ("numbers", b"[1, 2]"),
                ("last.txt", b"text"),
            ]
        ),
    )
    with open_delivery(path) as delivery:
        assert delivery.describe() == (
            "zip of 6 files: conversations.json (array of objects with title, mapping, id), "
            "many.json (object with k0, k1, k2, k3, k4, k5, k6, k7, …), a.png (PNG), page (HTML), numbers (array), …"
        )


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"plain words", "text"),
        ("é".encode() * 4096, "text"),
        (b"x" + "é".encode() * 4096, "text"),
        (b"\xff\xfe" * 40, "binary"),
        (b"SQLite format 3\0", "SQLite, unreadable: file is not a database"),
        (b"%PDF-1.7", "PDF"),
        (b"{broken", "object"),
        (b"\xef\xbb\xbf [ ]\n", "an empty array: the provider put nothing in it"),
        (b"[[]]", "array"),
    ],
)
def test_describe_one_file(tmp_path: Path, data: bytes, word: str) -> None:
    with open_delivery(saved(tmp_path, data, "thing")) as delivery:
        assert delivery.describe() == f"file of 1 file: thing ({word})"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Unterhaltung;Zeit;Autor\r\nT;2025;Ich\r\n", "a table with Unterhaltung, Zeit, Autor"),
        ("T,2025-01-01,Me\n", "text"),
        ("I said so, and she laughed.\n", "text"),
    ],
)
def test_describe_names_the_columns_of_a_table_and_no_row(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with open_delivery(path) as delivery:
        assert delivery.describe() == f"file of 1 file: x.csv ({word})"


def test_describe_says_why_something_was_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, make_zip([("conversations.json", b"[" + b" " * (4 << 20) + b"]")]))
    with open_delivery(path) as delivery:
        assert delivery.describe() == (
            "zip of 0 files; 1 refused: conversations.json, it would grow more than 200 times: the mark of a zip bomb"
        )


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_called_so(tmp_path: Path, order: str) -> None:
    path = tmp_path / "chat.json"
    path.write_bytes(('\ufeff[{"a": 1}]').encode(order))
    with open_delivery(path) as delivery:
        assert "UTF-16" in delivery.describe()
        assert "iconv" in delivery.describe()
        assert "binary" not in delivery.describe()
