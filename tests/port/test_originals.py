"""The original comes back: every member byte for byte, the container where it can be, and what was left out is said."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from souviens.delivery import open_delivery
from souviens.errors import NotFound, UsageError
from souviens.port.giving import give_back
from souviens.vault import Vault
from tests.golden import fixtures
from tests.port.given import chat, image, take, turn, write, zipped

ACCOUNT = {"id": "user-abcdefgh", "email": "someone@example.org", "chatgpt_plus_user": True, "phone_number": "+1 555 0100"}


def members() -> dict[str, Any]:
    return {
        "conversations.json": b" \n"
        + json.dumps([chat("c", turn("a", None, "user", "one"), image("i", "a", "file-Aa1"))], indent=2).encode(),
        "file-Aa1-x.png": b"\x89PNG" + bytes(range(256)),
        "user.json": ACCOUNT,
        "a folder/empty.txt": b"",
        "chat.html": b"<html>all of it again</html>",
    }


def forms(folder: Path) -> dict[str, Path]:
    """One export as a zip, as a folder, as zips in a zip, and its conversations as a file."""
    for name, value in members().items():
        write(folder / "unpacked" / name, value)
    inner = zipped(folder / "part-1.zip", {"conversations.json": members()["conversations.json"]}).read_bytes()
    return {
        "zip": zipped(folder / "export.zip", members()),
        "stored zip": zipped(folder / "stored.zip", members(), zipfile.ZIP_STORED),
        "folder": folder / "unpacked",
        "zip in zip": zipped(folder / "parts.zip", {"part-1.zip": inner, "user.json": ACCOUNT, "note.txt": b"n"}),
        "file": write(folder / "conversations.json", members()["conversations.json"]),
    }


def contents(path: Path) -> dict[str, bytes]:
    with open_delivery(path) as delivery:
        found = {}
        for entry in delivery.entries:
            with entry.open() as stream:
                found[entry.name if delivery.kind != "file" else ""] = stream.read()
        return found


FORMS = ["zip", "stored zip", "folder", "zip in zip", "file"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_comes_back_but_for_what_was_withheld(vault: Vault, tmp_path: Path, form: str) -> None:
    path = forms(tmp_path)[form]
    (receipt,) = take(vault, path)
    back = give_back(vault, receipt.id, tmp_path / "back")
    given, received = contents(tmp_path / "back"), contents(path)
    accounts = {name for name in received if name.endswith("user.json")}
    assert given == {name: data for name, data in received.items() if name not in accounts}
    assert [w.path for w in back.withheld] == sorted(accounts)
    assert back.identical is not bool(accounts)
    assert all(
        m.identical and m.sha256 == hashlib.sha256(given[m.name if form != "file" else ""]).hexdigest() for m in back.members
    )
    if accounts:
        assert not back.container_identical


@pytest.mark.parametrize("form", FORMS)
def test_with_accounts_all_of_it_comes_back(vault: Vault, tmp_path: Path, form: str) -> None:
    path = forms(tmp_path)[form]
    (receipt,) = take(vault, path, with_accounts=True)
    back = give_back(vault, receipt.id, tmp_path / "back")
    assert back.identical
    assert back.withheld == receipt.withheld == ()
    assert contents(tmp_path / "back") == contents(path)
    # Written by the same zipfile module, all of them; but a zip in a zip is written as a stream, which changes its flags.
    assert back.container_identical is (form != "zip in zip")
    assert (back.sha256 == receipt.sha256) is back.container_identical


@pytest.mark.parametrize("form", ["zip", "folder", "zip in zip"])
def test_accounts_left_out_at_first_can_be_added_later(vault: Vault, tmp_path: Path, form: str) -> None:
    path = forms(tmp_path)[form]
    take(vault, path)
    live = vault.store.live()
    (receipt,) = take(vault, path, with_accounts=True)
    assert not receipt.known
    assert receipt.unchanged == receipt.read
    assert vault.store.live() == live  # not one record was written again
    assert give_back(vault, receipt.id, tmp_path / "back").identical
    (again,) = take(vault, path, with_accounts=True)
    assert again.known


@pytest.mark.parametrize(
    "case", [path for path in fixtures() if path.name != "empty"], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_fixture_comes_back(vault: Vault, tmp_path: Path, case: Path) -> None:
    (receipt,) = take(vault, case, with_accounts=True)
    back = give_back(vault, receipt.id, tmp_path / "back")
    assert back.identical
    assert contents(tmp_path / "back") == contents(case)


def test_a_zip_of_another_make_comes_back_member_for_member(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.comment = b"made elsewhere"
        for name, value in members().items():
            info = zipfile.ZipInfo(name, (2025, 5, 4, 3, 2, 0))
            info.external_attr, info.comment = 0o600 << 16, b"c"
            archive.writestr(
                info, value if isinstance(value, bytes) else json.dumps(value), compress_type=zipfile.ZIP_DEFLATED, compresslevel=1
            )
    (receipt,) = take(vault, path, with_accounts=True)
    (tmp_path / "back").mkdir()
    back = give_back(vault, receipt.id, tmp_path / "back")  # a folder that exists: inside it, under its own name
    assert back.path == str(tmp_path / "back" / "other.zip")
    assert back.identical

    def listed(zip: Path) -> list[tuple[object, ...]]:
        with zipfile.ZipFile(zip) as archive:
            assert archive.comment == b"made elsewhere"
            return [(i.filename, i.date_time, i.external_attr, i.comment, i.compress_type, i.CRC) for i in archive.infolist()]

    assert listed(Path(back.path)) == listed(path)


def test_nothing_is_overwritten_and_an_unknown_source_is_said(vault: Vault, tmp_path: Path) -> None:
    (receipt,) = take(vault, forms(tmp_path)["file"])
    with pytest.raises(UsageError, match="already there"):
        give_back(vault, receipt.id, tmp_path)
    with pytest.raises(NotFound):
        give_back(vault, "s-" + "0" * 32, tmp_path / "x")
