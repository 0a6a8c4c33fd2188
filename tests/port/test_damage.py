"""Adding never loses on damage: the smallest unit is refused in the receipt, the rest is stored, and the vault stays whole."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from souviens.delivery import Limits
from souviens.errors import SourceError
from souviens.port.checking import verify
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation
from souviens.vault import Vault
from souviens.vault.embedded import EmbeddedStore
from tests.port.given import chat, claude_chat, refused, said, state, take, turn, write, zipped

ROOT = "00000000-0000-4000-8000-000000000000"
FINE = chat("c-fine", turn("a", None, "user", "the one that stays"))
CLAUDE_FINE = claude_chat("f-fine", said("m-fine", ROOT, "human", "the one that stays"))


def stayed(vault: Vault) -> list[Conversation]:
    """The conversations that are there; the fine one must be among them."""
    found = [record for seq, _, _ in vault.store.live() if isinstance(record := vault.store.pack(seq), Conversation)]
    assert {"c-fine", "f-fine"} & {c.provider_id for c in found}
    return found


# --- elements: the file is evidently ChatGPT's or Claude's, and one conversation of it is bad --------------------------

ELEMENTS: dict[str, tuple[str, dict[str, int], int]] = {
    # name: (the element as it stands, what is refused, conversations stored)
    "a null": ("null", {"conversation": 1}, 2),
    "a number": ("12", {"conversation": 1}, 2),
    "a list": ("[1, 2]", {"conversation": 1}, 2),
    "not JSON": ('{"conversation_id": "x", "mapping": {,}}', {"conversation": 1}, 2),
    "nested 10,000 deep": ('{"mapping": ' + "[" * 10_000 + "]" * 10_000 + "}", {"conversation": 1}, 2),
    "nested 900 deep": ('{"conversation_id": "x", "mapping": {}, "odd": ' + "[" * 900 + "]" * 900 + "}", {}, 3),
    "NaN in its head": (json.dumps(chat("x", turn("x", None, "user", "words"), update_time=float("nan"))), {"conversation": 1}, 2),
    "NaN in a message": (
        json.dumps(chat("x", turn("x", None, "user", "w", weight=float("nan")), turn("y", None, "user", "z"))),
        {"message": 1},
        3,
    ),
    "a mapping that is a list": ('{"conversation_id": "x", "mapping": []}', {"conversation": 1}, 2),
    "a message that is a word": (
        json.dumps(
            chat("x", turn("y", None, "user", "z")) | {"mapping": {"a": {"message": "word"}, "y": turn("y", None, "user", "z")}}
        ),
        {"message": 1},
        3,
    ),
    "duplicate keys": (
        json.dumps(chat("x", turn("x", None, "user", "words"))).replace('"title"', '"title": "first", "title"'),
        {},
        3,
    ),
    "a lone surrogate": (json.dumps(chat("x", turn("x", None, "user", "half \ud83d"))), {}, 3),
    "no nodes": ('{"conversation_id": "x", "mapping": {}}', {}, 3),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_bad_conversation_among_good_ones(vault: Vault, tmp_path: Path, name: str) -> None:
    element, lost, kept = ELEMENTS[name]
    data = f"[{json.dumps(FINE)}, {element}, {json.dumps(FINE | {'conversation_id': 'c-last'})}]".encode()
    (receipt,) = take(vault, write(tmp_path / "conversations.json", data))
    assert refused(receipt) == lost
    assert all(problem.where.startswith("[1]") and problem.reason for problem in receipt.refused)
    assert len(stayed(vault)) == kept
    returned = give_back(vault, receipt.id, tmp_path / "back.json")
    assert (tmp_path / "back.json").read_bytes() == data
    assert returned.identical


CLAUDE_ELEMENTS: dict[str, tuple[str, dict[str, int], int]] = {
    "a null": ("null", {"conversation": 1}, 2),
    "nested 10,000 deep": ('{"uuid": "x", "chat_messages": ' + "[" * 10_000 + "]" * 10_000 + "}", {"conversation": 1}, 2),
    "a message that is a word": (json.dumps(claude_chat("x", said("a", ROOT, "human", "b"), *["word"])), {"message": 1}, 3),
    "NaN in a message": (
        json.dumps(claude_chat("x", said("a", ROOT, "human", "b", odd=float("nan")), said("c", "a", "human", "d"))),
        {"message": 1},
        3,
    ),
    "a lone surrogate": (json.dumps(claude_chat("x", said("a", ROOT, "human", "\udc00 half"))), {}, 3),
    "duplicate keys": (
        json.dumps(claude_chat("x", said("a", ROOT, "human", "b"))).replace('"name"', '"name": "first", "name"'),
        {},
        3,
    ),
    "wrong types": ('{"uuid": "x", "name": 7, "chat_messages": {"a": 1}, "created_at": []}', {}, 3),
}


@pytest.mark.parametrize("name", CLAUDE_ELEMENTS)
def test_a_bad_conversation_among_good_ones_of_claudes(vault: Vault, tmp_path: Path, name: str) -> None:
    element, lost, kept = CLAUDE_ELEMENTS[name]
    data = f"[{json.dumps(CLAUDE_FINE)}, {element}, {json.dumps(CLAUDE_FINE | {'uuid': 'f-last'})}]".encode()
    (receipt,) = take(vault, write(tmp_path / "conversations.json", data))
    assert refused(receipt) == lost
    assert len(stayed(vault)) == kept


def test_cyclic_and_missing_parents_lose_no_message(vault: Vault, tmp_path: Path) -> None:
    circle = [
        turn("a", "b", "user", "1"),
        turn("b", "a", "user", "2"),
        turn("c", "c", "user", "3"),
        turn("d", "nowhere", "user", "4"),
    ]
    take(vault, write(tmp_path / "c.json", [FINE, chat("c-odd", *circle, slim=True)]))
    (odd,) = [c for c in stayed(vault) if c.provider_id == "c-odd"]
    assert {m.provider_id for m in odd.messages} == set("abcd")


@pytest.mark.parametrize("text", [b"caf\xe9", b"\xed\xa0\x80", b"\xff\xfe", b"ok \xc3"], ids=repr)
def test_invalid_utf8_costs_the_message_it_stands_in(vault: Vault, tmp_path: Path, text: bytes) -> None:
    odd = json.dumps(chat("c-odd", turn("x", None, "user", "@@"), turn("y", None, "user", "fine"))).encode().replace(b"@@", text)
    data = b"[" + odd + b"," + json.dumps(FINE).encode() + b"]"
    (receipt,) = take(vault, write(tmp_path / "c.json", data))
    assert refused(receipt) == {"message": 1}
    assert len(stayed(vault)) == 2
    assert give_back(vault, receipt.id, tmp_path / "back.json").identical


def test_a_byte_order_mark_is_no_matter(vault: Vault, tmp_path: Path) -> None:
    (receipt,) = take(vault, write(tmp_path / "c.json", b"\xef\xbb\xbf \r\n" + json.dumps([FINE]).encode()))
    assert not receipt.refused
    assert len(stayed(vault)) == 1
    assert give_back(vault, receipt.id, tmp_path / "back.json").identical


# --- files and containers ---------------------------------------------------------------------------------------------


def test_a_file_cut_off_keeps_what_stands_before(vault: Vault, tmp_path: Path) -> None:
    data = json.dumps([FINE, FINE | {"conversation_id": "c-cut"}]).encode()[:-200]
    (receipt,) = take(vault, write(tmp_path / "c.json", data))
    assert refused(receipt) == {"conversation": 1}
    assert "cut off" in receipt.refused[0].reason
    assert len(stayed(vault)) == 1


@pytest.mark.parametrize("data", [b"[]", b"{}", b"[", b"", b"null", b"[[]]", b"[1, 2]", b"\0" * 100, b'{"a": NaN}'], ids=repr)
def test_a_file_with_nothing_in_it_is_refused_aloud_and_leaves_nothing(vault: Vault, tmp_path: Path, data: bytes) -> None:
    before = state(vault)
    with pytest.raises(SourceError) as error:
        take_in(vault, write(tmp_path / "conversations.json", data))
    assert error.value.next
    assert str(tmp_path / "conversations.json") in error.value.what
    assert state(vault) == before


def _bomb(path: Path) -> Path:
    return zipped(path, {"conversations.json": [FINE], "zeros.bin": b"\0" * (8 << 20)})


def _many(path: Path) -> Path:
    return zipped(path, {"conversations.json": [FINE]} | {f"file-{n}.txt": b"x" for n in range(50)})


def _nested(path: Path) -> Path:
    inner = b"the innermost"
    for n in range(6):
        inner = zipped(path.with_suffix(f".{n}"), {"in.zip": inner} if n else {"x.json": [1]}).read_bytes()
    return zipped(path, {"conversations.json": [FINE], "deep.zip": inner})


def _traversal(path: Path) -> Path:
    return zipped(path, {"conversations.json": [FINE], "../../evil.json": [1], "/etc/evil": b"x", "C:\\evil": b"x"})


def _symlink(path: Path) -> Path:
    zipped(path, {"conversations.json": [FINE]})
    link = zipfile.ZipInfo("link.json")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    return path


def _twice(path: Path) -> Path:
    zipped(path, {"conversations.json": [FINE]})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("conversations.json", "[]")
    return path


CONTAINERS: dict[str, tuple[Callable[[Path], Path], Limits, int]] = {
    "a bomb by ratio": (_bomb, Limits(), 1),
    "a bomb by size": (_bomb, Limits(member=1 << 20, ratio=10**6), 1),
    "a bomb by total": (_bomb, Limits(total=1 << 20, ratio=10**6), 1),
    "a bomb by count": (_many, Limits(entries=10), 1),
    "a bomb by nesting": (_nested, Limits(), 1),
    "traversal": (_traversal, Limits(), 3),
    "a symbolic link": (_symlink, Limits(), 1),
    "a second member of one name": (_twice, Limits(), 1),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_wrong_with_a_container_costs_the_member(vault: Vault, tmp_path: Path, name: str) -> None:
    make, limits, lost = CONTAINERS[name]
    (receipt,) = take(vault, make(tmp_path / "x.zip"), limits=limits)
    assert refused(receipt) == {"source": lost}
    assert len(stayed(vault)) == 1
    returned = give_back(vault, receipt.id, tmp_path / "back.zip")
    assert not returned.identical or name in ("a bomb by nesting", "a second member of one name")
    assert not (tmp_path.parent / "evil.json").exists()


def test_a_damaged_file_of_conversations_keeps_those_that_could_be_read(vault: Vault, tmp_path: Path) -> None:
    many = [FINE] + [chat(f"c-{n}", turn("a", None, "user", f"{n} " + "long " * 2000)) for n in range(400)]
    path = zipped(
        tmp_path / "x.zip",
        {"conversations-000.json": many, "conversations-001.json": [FINE | {"conversation_id": "c-next"}]},
        zipfile.ZIP_STORED,
    )
    data = bytearray(path.read_bytes())
    data[data.index(b"399 long") + 3000] ^= 1
    (receipt,) = take(vault, write(path, bytes(data)))
    assert refused(receipt) == {"source": 1}
    names = {c.provider_id for c in stayed(vault)}
    assert {"c-1", "c-30", "c-next"} <= names  # and the file after the damaged one is untouched by it
    returned = give_back(vault, receipt.id, tmp_path / "back.zip")
    assert not returned.identical
    assert [m.name for m in returned.members if m.identical] == ["conversations-001.json"]


@pytest.mark.parametrize("kind", ["file-Aa1.bin", "note.json"])
def test_a_damaged_member_costs_only_itself(vault: Vault, tmp_path: Path, kind: str) -> None:
    path = zipped(
        tmp_path / "x.zip",
        {"conversations.json": [FINE], kind: (b"[" if kind == "note.json" else b"") + b"words of a note " * 9000},
        zipfile.ZIP_STORED,
    )
    data = path.read_bytes()
    place = data.rindex(b"words of a note ")
    (receipt,) = take(vault, write(path, data[:place] + b"w0rds" + data[place + 5 :]))
    assert refused(receipt) == {"source": 1}
    assert receipt.refused[0].path == kind
    assert len(stayed(vault)) == 1
    returned = give_back(vault, receipt.id, tmp_path / "back.zip")
    assert (returned.identical, [m.name for m in returned.members]) == (False, ["conversations.json"])
    assert vault.store.db.execute("SELECT count(*) FROM blob WHERE ready = 0").get == 0  # no beginning of it is left behind


@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_truncated_zip_is_refused_aloud(vault: Vault, tmp_path: Path, share: float) -> None:
    whole = zipped(tmp_path / "x.zip", {"conversations.json": [FINE] * 50}).read_bytes()
    before = state(vault)
    with pytest.raises(SourceError, match="cannot be opened"):
        take_in(vault, write(tmp_path / "x.zip", whole[: int(len(whole) * share)]))
    assert state(vault) == before


def test_links_in_a_folder_are_not_followed(vault: Vault, tmp_path: Path) -> None:
    write(tmp_path / "secret.json", [FINE | {"conversation_id": "c-secret"}])
    write(tmp_path / "export" / "conversations.json", [FINE])
    (tmp_path / "export" / "conversations-001.json").symlink_to(tmp_path / "secret.json")
    (receipt,) = take(vault, tmp_path / "export")
    assert refused(receipt) == {"source": 1}
    assert len(stayed(vault)) == 1
    assert not give_back(vault, receipt.id, tmp_path / "back").identical


# --- nothing half-written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
@pytest.mark.parametrize("when", range(6))
def test_an_intake_that_is_cut_short_leaves_the_vault_as_before(
    vault: Vault, tmp_path: Path, error: type[BaseException], when: int
) -> None:
    take(vault, write(tmp_path / "before.json", [FINE]))
    before = state(vault)
    members: dict[str, Any] = {f"conversations-00{n}.json": [chat(f"c-{n}", turn("a", None, "user", "x")), FINE] for n in range(3)}
    path = zipped(tmp_path / "x.zip", {**members, "file-a.bin": b"x" * 10, "file-b.bin": b"y" * 10})
    left = [when]

    def stop(what: str, done: int, total: int) -> None:
        if not left[0]:
            raise error
        left[0] -= 1

    with pytest.raises(error):
        take_in(vault, path, progress=stop)
    assert state(vault) == before
    assert not list(vault.folder.glob("stage-*"))
    assert verify(vault).problems == ()
    take(vault, path)  # and nothing stands in its way afterwards


_BIG = """
import json, resource, sys
from pathlib import Path
from tests.port.given import new_vault, turn, chat, said, claude_chat
from souviens.port.intake import take_in
folder = Path(sys.argv[1])
with new_vault(folder / "vault") as vault:
    receipt = take_in(vault, folder / "big.json")
    print(receipt.new.messages, receipt.cut_texts, len(receipt.refused), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts resident memory as Linux reports it")
@pytest.mark.parametrize("provider", ["chatgpt", "claude"])
def test_a_message_of_100_megabytes_is_taken_in_within_a_gigabyte(tmp_path: Path, provider: str) -> None:
    text = "all work and no play makes " * (100_000_000 // 27)
    export = (
        chat("c", turn("a", None, "user", text))
        if provider == "chatgpt"
        else claude_chat("c", said("a", ROOT, "human", text, content=[]))
    )
    # First in the file, so that the format has to be recognised by it as well.
    write(tmp_path / "big.json", [export, FINE if provider == "chatgpt" else CLAUDE_FINE])
    del text, export
    done = subprocess.run([sys.executable, "-c", _BIG, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    messages, cut, lost, mebibytes = map(int, done.stdout.split())
    assert (messages, cut, lost) == (4 if provider == "chatgpt" else 2, 1, 0)
    assert mebibytes < 1024


def test_a_hundred_thousand_small_files_are_no_hundred_thousand_transactions(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb of many files under the limit must not hold the disk for minutes: each transaction waits for it."""
    count = 2_000
    members: dict[str, Any] = {"conversations.json": [chat("c-1", turn("a", None, "user", "one"))]}
    path = zipped(tmp_path / "many.zip", members | {f"f{n}.bin": b"%d" % (n % 7) for n in range(count)})
    began = 0
    execute = EmbeddedStore.transaction

    def counted(store: EmbeddedStore) -> contextlib.AbstractContextManager[None]:
        nonlocal began
        began += not store._depth
        return execute(store)

    monkeypatch.setattr(EmbeddedStore, "transaction", counted)
    receipt = take_in(vault, path)
    assert receipt.refused == ()
    assert began < count / 10
    assert len(vault.store.members(receipt.id)) == count + 1
    assert give_back(vault, receipt.id, tmp_path / "back.zip").identical
