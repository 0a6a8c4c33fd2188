"""The embedded index against the contract, and what is its own: files, crashes, other processes, erased bytes."""

from __future__ import annotations

import os
import random
import signal
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from souviens.index import open_index
from souviens.index.embedded import EmbeddedIndex
from souviens.index.port import Pending, Synced
from souviens.vault.embedded import EmbeddedStore
from tests.index.contract import IndexContract, Letters, conversation, erase, ids, put


@pytest.fixture
def new_index(tmp_path: Path) -> Iterator[Callable[[], EmbeddedIndex]]:
    made: list[EmbeddedIndex] = []

    def make() -> EmbeddedIndex:
        made.append(open_index(tmp_path, None))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path, None, create=True)
    yield store
    store.close()


class TestEmbeddedIndex(IndexContract):
    pass


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("index-*"))


def test_a_rebuild_switches_files_under_everyones_feet(
    tmp_path: Path, store: EmbeddedStore, new_index: Callable[[], EmbeddedIndex]
) -> None:
    index, other = new_index(), new_index()
    put(store, conversation("c-1", "apples"))
    index.sync(store)
    assert ids(other, "apples") == ["c-1"]
    index.rebuild(store)
    put(store, conversation("c-2", "apples"))
    index.sync(store)
    assert [name for name in files_of(tmp_path) if name.endswith(".db")] == ["index-2.db"]
    assert ids(other, "apples") == ["c-1", "c-2"]


@pytest.mark.parametrize("damage", ["noise", "empty", "another version", "half a rebuild"])
def test_what_cannot_be_used_is_thrown_away_and_remade(tmp_path: Path, store: EmbeddedStore, damage: str) -> None:
    put(store, conversation("c-1", "apples"))
    with open_index(tmp_path, None) as index:
        index.sync(store)
        if damage == "another version":
            index._contents.db.execute("UPDATE meta SET value = 'later' WHERE key = 'version'")
    if damage == "noise":
        (tmp_path / "index-1.db").write_bytes(os.urandom(50_000))
    if damage == "empty":
        (tmp_path / "index-1.db").write_bytes(b"")
    if damage == "half a rebuild":
        (tmp_path / "index-2.new.db").write_bytes(os.urandom(50_000))
    with open_index(tmp_path, None) as index:
        index.sync(store)
        assert ids(index, "apples") == ["c-1"]
        assert index.purge()
        assert [name for name in files_of(tmp_path) if name.endswith(".db")] == [f"index-{index.number}.db"]


def test_vectors_outlive_a_change_of_version_but_not_their_pack(tmp_path: Path, store: EmbeddedStore) -> None:
    gone, _ = put(store, conversation("c-1", "apples"), conversation("c-2", "pears"))
    encoder = Letters()
    with open_index(tmp_path, None) as index:
        index.sync(store)
        index.embed(store, encoder)
        index._contents.db.execute("UPDATE meta SET value = 'earlier' WHERE key = 'version'")
    erase(store, gone)
    with open_index(tmp_path, None) as index:
        index.sync(store)
        assert index.pending("letters") == Pending(0, 2)
        found = index.nearest("letters", encoder.encode(["user: pears"])[0], 5).units.tolist()
        assert [place.id for place in map(index.layout().place, found) if place] == ["c-2"]
        assert [name for name in files_of(tmp_path) if name.endswith(".db")] == ["index-2.db"]


def test_damage_inside_is_mended_by_the_next_sync(tmp_path: Path) -> None:
    key = os.urandom(32)
    store = EmbeddedStore(tmp_path, key, create=True)
    gone, _ = put(
        store, *(conversation(f"c-{n}", "apples " + " ".join(random.choices(string.ascii_letters, k=500))) for n in range(2))
    )
    with open_index(tmp_path, key) as index:
        index.sync(store)
    file = tmp_path / "index-1.db"
    data = bytearray(file.read_bytes())
    for page in range(1, len(data) // 8192):
        data[page * 8192 + 4000] ^= 1
    file.write_bytes(data)
    erase(store, gone)
    with open_index(tmp_path, key) as index:
        index.sync(store)
        assert ids(index, "apples") == ["c-1"]
    store.close()


SYNCER = """
import sys
from pathlib import Path
from souviens.index import open_index
from souviens.index import embedded
from souviens.vault import open_store
embedded.BATCH = 5_000
folder = Path(sys.argv[1])
print("ready", flush=True)
with open_index(folder, None) as index:
    index.sync(open_store(folder, None))
"""


def words_of(store: EmbeddedStore, folder: Path) -> list[list[tuple[str, float]]]:
    with open_index(folder, None) as index:
        layout = index.layout()
        index._contents.db.execute("INSERT INTO words(words) VALUES ('integrity-check')")
        places = [
            [(layout.place(unit), round(score, 9)) for unit, score in zip(*index.words(f"w{n} w{n + 1}", 20), strict=True)]
            for n in range(30)
        ]
        return [[(f"{place.id}/{place.ordinal}", score) for place, score in some if place] for some in places]


def fill(store: EmbeddedStore, seed: int, conversations: int) -> None:
    rng = random.Random(seed)
    texts = [[" ".join(f"w{rng.randrange(300)}" for _ in range(40)) for _ in range(20)] for _ in range(conversations)]
    put(store, *(conversation(f"c-{n}", *some) for n, some in enumerate(texts)))


def test_killed_at_any_moment_the_next_sync_comes_to_the_same(tmp_path: Path, store: EmbeddedStore) -> None:
    fill(store, 1, 60)
    rng = random.Random(5)
    for round in range(6):
        process = subprocess.Popen([sys.executable, "-c", SYNCER, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if round == 3:
            fill(store, 2, 40)  # other texts under the same ids: what was added has to be taken out again
    with open_index(tmp_path, None) as index:
        index.sync(store)
        assert index.held() == [live.seq for live in store.live()]
    after = words_of(store, tmp_path)
    with open_index(tmp_path, None) as index:
        index.rebuild(store)
    assert words_of(store, tmp_path) == after


def test_two_at_once_are_as_good_as_one(tmp_path: Path, store: EmbeddedStore) -> None:
    fill(store, 1, 60)
    processes = [subprocess.Popen([sys.executable, "-c", SYNCER, str(tmp_path)], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    with open_index(tmp_path, None) as index:
        assert index.sync(store) == Synced()
        assert index.held() == [live.seq for live in store.live()]
        assert index._contents.db.execute("SELECT count(DISTINCT doc) FROM instance").fetchone() == (60 * 20,)


def test_a_purge_waits_for_readers_and_rebuilds(
    tmp_path: Path, store: EmbeddedStore, new_index: Callable[[], EmbeddedIndex]
) -> None:
    index, other = new_index(), new_index()
    put(store, conversation("c-1", "apples"))
    other._contents.db.set_busy_timeout(0)
    index._contents.db.set_busy_timeout(0)
    with other._contents.reading():
        other._current()
        index.sync(store)
        assert not index.purge()
    assert index.purge()
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with open_index(tmp_path, None) as third, third._locked():
            locked.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(10)
    assert not index.purge()
    release.set()
    thread.join()
    assert index.purge()


# --- erased bytes -----------------------------------------------------------------------------------------------------


def traces(folder: Path, words: list[str], vectors: list[bytes]) -> dict[str, int]:
    """How many words have left a whole, a suffix of 6 bytes or a beginning of 6; and how many vectors."""
    bytes = b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("index-"))
    return {
        "whole": sum(word.encode() in bytes for word in words),
        "suffix": sum(word[-6:].encode() in bytes for word in words),
        "beginning": sum(word[:6].encode() in bytes for word in words),
        "vectors": sum(vector in bytes for vector in vectors),
    }


@pytest.mark.parametrize("packs_at_once", [1, 7, 400])
@pytest.mark.parametrize("victims", ["few", "many"])
def test_no_byte_of_what_was_erased_is_left(tmp_path: Path, store: EmbeddedStore, packs_at_once: int, victims: str) -> None:
    rng = random.Random(packs_at_once)
    letters = "bcdfghjklmnpqrtvwxz0123456789"  # a final s would be no part of the stem
    canaries = ["".join(rng.choices(letters, k=14)) for _ in range(50)]
    common = ["".join(rng.choices(letters, k=rng.randint(3, 12))) for _ in range(2_000)]
    seqs: list[int] = []
    chosen = rng.sample(range(400), 1 if victims == "few" else 50)
    told = {n: canaries[i :: len(chosen)] for i, n in enumerate(chosen)}
    encoder = Letters()
    with open_index(tmp_path, None) as index:
        for start in range(0, 400, packs_at_once):
            batch = range(start, min(400, start + packs_at_once))
            texts = ([" ".join(rng.choices(common, k=25)) for _ in range(4)] for _ in batch)
            seqs += put(
                store,
                *(
                    conversation(f"c-{n}", *some, *(f"{w} is {w}" for w in told.get(n, [])))
                    for n, some in zip(batch, texts, strict=True)
                ),
            )
            index.sync(store)
        index.embed(store, encoder)
        marked = [seqs[n] for n in chosen]
        blobs = [
            bytes(blob[-384 * k :][:40])
            for seq in marked
            for (blob,) in index._contents.db.execute("SELECT codes FROM codes JOIN signs USING (number) WHERE seq = ?", (seq,))
            for k in range(1, len(blob) // 384 + 1)
        ]
        gists = (index._contents.db.execute("SELECT codes FROM gist WHERE seq = ?", (seq,)) for seq in marked)
        blobs += [bytes(blob[:200]) for rows in gists for (blob,) in rows]  # many zeros: a shorter part is found elsewhere
        assert len(blobs) > 2 * len(marked)
        index.purge()
        before = traces(tmp_path, canaries, blobs)
        assert (before["suffix"], before["vectors"]) == (50, len(blobs))
        erase(store, *marked)
        assert index.sync(store) == Synced(removed=len(chosen))
        assert index.purge()
        assert index._contents.number("residue") == 0
        assert traces(tmp_path, canaries, blobs) == {"whole": 0, "suffix": 0, "beginning": 0, "vectors": 0}
        index._contents.db.execute("INSERT INTO words(words) VALUES ('integrity-check')")
        assert ids(index, " ".join(canaries)) == []


def test_other_words_than_were_indexed_are_never_deleted(
    store: EmbeddedStore, new_index: Callable[[], EmbeddedIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, _ = put(store, conversation("c-1", "東京 apples"), conversation("c-2", "東京 pears"))
    index = new_index()
    index.sync(store)
    monkeypatch.setattr("souviens.index.contents.split", str.upper)  # as another version of Unicode might divide it
    erase(store, gone)
    assert index.sync(store) == Synced(added=1)  # remade
    assert index.number == 2
    assert ids(index, "pears") == ["c-2"]
