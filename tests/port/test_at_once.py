"""Several at once: two intakes end as one after the other would, and a reader never sees half of one."""

from __future__ import annotations

import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from souviens.port.checking import verify
from souviens.port.intake import take_in
from souviens.port.receipts import SourceReceipt
from souviens.records import Counts
from souviens.vault import Vault, unlock
from tests.port.given import assert_sums, chat, claude_chat, new_vault, records, said, state, take, total, turn, write, zipped

ROOT = "00000000-0000-4000-8000-000000000000"


def talks(first: int, last: int, words: str) -> list[dict[str, object]]:
    """Conversations that both exports have, each with something the other has not."""
    return [
        chat(f"c-{n}", turn("a", None, "user", f"question {n}"), turn(f"b-{words}", "a", "assistant", f"{words} {n} " * 50))
        for n in range(first, last)
    ]


def overlapping(folder: Path) -> tuple[Path, Path]:
    return (
        zipped(folder / "one.zip", {"conversations.json": talks(0, 60, "spring"), "file-Aa1.txt": b"shared bytes"}),
        zipped(folder / "two.zip", {"conversations.json": talks(30, 90, "autumn"), "file-Aa1.txt": b"shared bytes"}),
    )


_ADD = """
import sys
from pathlib import Path
import msgspec
from souviens.vault import unlock
from souviens.port.intake import take_in
with unlock(Path(sys.argv[1]), []) as vault:
    sys.stdin.readline()
    print(msgspec.json.encode(take_in(vault, Path(sys.argv[2]))).decode())
"""


def test_two_processes_that_add_overlapping_exports_end_as_one_after_the_other(vault: Vault, tmp_path: Path) -> None:
    paths = overlapping(tmp_path)
    adding = [
        subprocess.Popen(
            [sys.executable, "-c", _ADD, str(vault.folder), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for path in paths
    ]
    for process in adding:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in adding:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with new_vault(tmp_path / "after") as other:
        take(other, *paths)
        assert records(vault) == records(other)
        assert {k: v for k, v in state(vault).items() if k != "sources"} == {
            k: v for k, v in state(other).items() if k != "sources"
        }
    assert verify(vault).problems == ()


def meanwhile(vault: Vault, mine: Path, other: Callable[[Vault], object], after: int) -> SourceReceipt:
    """Take `mine` in; when `after` words of progress have been said, somebody else does `other`."""
    left = [after]

    def tell(what: str, done: int, total: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            with unlock(vault.folder, []) as theirs:
                other(theirs)

    return take_in(vault, mine, progress=tell)


@pytest.mark.parametrize("after", [1, 20, 62])
@pytest.mark.parametrize("swap", [False, True])
def test_what_another_commits_while_we_stage_is_merged(vault: Vault, tmp_path: Path, after: int, swap: bool) -> None:
    mine, theirs = overlapping(tmp_path)[:: -1 if swap else 1]
    receipts = []
    receipts.append(meanwhile(vault, mine, lambda v: receipts.append(take_in(v, theirs)), after))
    for receipt in receipts:
        assert_sums(receipt)
    with new_vault(tmp_path / "after") as other:
        take(other, theirs, mine)
        assert records(vault) == records(other)
    assert verify(vault).problems == ()
    # Each thing was new to one of the two, as if they had come one after the other; neither tells of the forks they make.
    assert total(receipts, "new") == Counts(conversations=90, messages=90 * 2 + 120)


@pytest.mark.parametrize("torn", [True, False])
def test_what_was_staged_survives_a_commit_after_it(vault: Vault, tmp_path: Path, torn: bool) -> None:
    """Somebody else's version of a conversation comes later than ours and is there before it; ours may have a second half."""
    filler = [chat(f"f-{n}", turn("a", None, "user", "x" * 90_000)) for n in range(60)]  # more than one batch
    ours = zipped(
        tmp_path / "ours.zip",
        {
            "conversations-000.json": [chat("c", turn("a", None, "user", "1")), *filler],
            "conversations-001.json": [chat("c" if torn else "d", turn("b", None, "user", "2"))],
        },
        zipfile.ZIP_STORED,
    )
    theirs = write(tmp_path / "theirs.json", [chat("c", turn("z", None, "user", "3"))])
    receipt = meanwhile(vault, ours, lambda v: take_in(v, theirs), 100)
    assert not receipt.refused
    (found,) = [r for seq, _, _ in vault.store.live() if (r := vault.store.pack(seq)).provider_id == "c"]
    assert {m.provider_id for m in found.messages} == {"root", "a", "z", *(["b"] if torn else [])}
    assert verify(vault).problems == ()


def test_two_who_add_the_same_file_at_once_add_it_once(vault: Vault, tmp_path: Path) -> None:
    path, _ = overlapping(tmp_path)
    receipts = []
    receipts.append(meanwhile(vault, path, lambda v: receipts.append(take_in(v, path)), 30))
    with new_vault(tmp_path / "after") as other:
        take(other, path)
        assert state(vault) == state(other)
    assert total(receipts, "new").conversations == 60
    assert len(vault.store.sources()) == 1
    assert verify(vault).problems == ()


def test_a_reader_sees_the_vault_before_or_after_and_never_between(vault: Vault, tmp_path: Path) -> None:
    take(vault, write(tmp_path / "first.json", [claude_chat("f", said("a", ROOT, "human", "before"))]))
    path, _ = overlapping(tmp_path)
    seen: set[tuple[int, int]] = set()
    done = threading.Event()
    faults: list[BaseException] = []

    def read() -> None:
        try:
            with unlock(vault.folder, []) as mine:
                while not done.is_set():
                    with_records = len(mine.store.live())
                    seen.add((with_records, len(mine.store.sources())))
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test wants to see it
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    take_in(vault, path)
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []
    # The two counts are two questions: the commit may fall between them.
    assert seen <= {(1, 1), (1, 2), (61, 2)}
