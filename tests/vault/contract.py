"""What every Store must do. An implementation's test module gives `new_store` and collects these by subclassing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from souviens.canon import Instant
from souviens.errors import Damaged, NotFound
from souviens.records import Conversation, Head, Memory, Message, Text, sealed
from souviens.vault.store import Journal, Kind, Member, Packed, Segment, SourceHeader, Store, Tombstone

AT = "2026-01-01T00:00:00Z"


def conversation(id: str, *texts: str) -> Conversation:
    messages = tuple(
        sealed(Message(f"{id}-{n}", str(n), f"{id}-{n - 1}" if n else None, 0, "user", Instant(unknown="null"), (Text(t),)))
        for n, t in enumerate(texts)
    )
    return Conversation(id, "chatgpt", id, Head(title=id), messages)


def header(id: str) -> SourceHeader:
    return SourceHeader(id, f"{id}.json", "file", "chatgpt", "v1", "0" * 64, 1, AT, 1)


def store_all(store: Store, *records: Packed, base: int = 0) -> list[int]:
    stage = store.begin(AT)
    kinds: list[tuple[Kind, Packed, int]] = [("memory" if isinstance(r, Memory) else "conversation", r, base) for r in records]
    with store.transaction():
        seqs = store.put_packs(stage, kinds)
    assert store.commit(stage, Journal("add", AT))
    return seqs


class StoreContract:
    @pytest.fixture
    def store(self, new_store: Callable[[], Store]) -> Store:
        return new_store()

    def test_what_was_stored_comes_back(self, store: Store) -> None:
        record = conversation("c-1", "hello", "寿司 \U0001f363")
        (seq,) = store_all(store, record)
        assert store.pack(seq) == record
        assert store.get("conversation", "c-1") == (seq, record)
        assert [live.id for live in store.live()] == ["c-1"]
        assert store.find("c-") == [("conversation", "c-1")]

    def test_a_stage_is_invisible_until_it_is_committed(self, store: Store, new_store: Callable[[], Store]) -> None:
        reader = new_store()
        version = reader.version()
        stage = store.begin(AT)
        with store.transaction():
            store.put_source(stage, header("s-1"))
            store.put_packs(stage, [("conversation", conversation("c-1", "x"), 0)])
        assert reader.live() == []
        assert reader.sources() == []
        assert reader.get("conversation", "c-1") is None
        assert reader.version() == version
        assert [live.id for live in reader.live(stage)] == ["c-1"]
        assert [live.id for live in reader.staged(stage, 0)] == ["c-1"]
        assert store.commit(stage, Journal("add", AT))
        assert [live.id for live in reader.live()] == ["c-1"]
        assert [h.id for h in reader.sources()] == ["s-1"]
        assert reader.version() > version

    def test_a_discarded_stage_leaves_nothing(self, store: Store) -> None:
        stage = store.begin(AT)
        with store.transaction():
            source = store.put_source(stage, header("s-1"))
            member = store.put_member(source, 0, Member("a", "cut", 3))
            store.put_slices([(hashlib.sha256(b"abc").hexdigest(), b"abc")])
            store.put_segments(member, 0, [Segment(hashlib.sha256(b"abc").hexdigest(), "conversation", "[0]", None, None)])
            store.put_packs(stage, [("conversation", conversation("c-1", "x"), 0)])
        store.discard(stage)
        assert (store.live(), store.sources(), store.slices()) == ([], [], [])
        assert store.sweep([]) == 1
        assert not store.busy()

    def test_a_failed_transaction_leaves_nothing(self, store: Store) -> None:
        stage = store.begin(AT)
        with pytest.raises(RuntimeError), store.transaction():
            store.put_packs(stage, [("conversation", conversation("c-1", "x"), 0)])
            raise RuntimeError
        assert store.staged(stage, 0) == []

    def test_of_two_versions_the_newer_is_live_and_the_older_stays_until_swept(self, store: Store) -> None:
        (first,) = store_all(store, conversation("c-1", "x"))
        (second,) = store_all(store, conversation("c-1", "x", "y"), base=first)
        assert [live.seq for live in store.live()] == [second]
        assert store.sweep([first, second]) == 0
        assert len(store.pack(first).messages) == 1  # type: ignore[union-attr]
        assert store.sweep([second]) == 1
        with pytest.raises(NotFound):
            store.pack(first)

    def test_two_writers_of_one_record_do_not_lose_each_other(self, store: Store, new_store: Callable[[], Store]) -> None:
        other = new_store()
        mine, theirs = store.begin(AT), other.begin(AT)
        with store.transaction():
            store.put_packs(mine, [("conversation", conversation("c-1", "x"), 0), ("conversation", conversation("c-2", "x"), 0)])
        with other.transaction():
            (live,) = other.put_packs(theirs, [("conversation", conversation("c-1", "y"), 0)])
        assert other.commit(theirs, Journal("add", AT))
        assert not store.commit(mine, Journal("add", AT))
        assert store.conflicts(mine) == [("conversation", "c-1", live)]
        with store.transaction():
            store.put_packs(mine, [("conversation", conversation("c-1", "x", "y"), live)])
        assert store.commit(mine, Journal("add", AT))
        found = store.get("conversation", "c-1")
        assert found is not None
        assert len(found[1].messages) == 2  # type: ignore[union-attr]

    def test_members_segments_and_slices_give_the_bytes_back(self, store: Store) -> None:
        stage = store.begin(AT)
        hash = hashlib.sha256(b'{"a":1}').hexdigest()
        with store.transaction():
            source = store.put_source(stage, header("s-1"))
            member = store.put_member(source, 0, Member("a.json", "cut", 9, "f" * 64, {"modified": "x"}))
            store.put_slices([(hash, b'{"a":1}')])
            store.put_segments(member, 0, [Segment(None, "", "", b"[", None), Segment(hash, "conversation", "[0]", None, None)])
            store.put_segments(member, 2, [Segment(None, "", "", None, 1)], {2: "commitment"})
        assert store.commit(stage, Journal("add", AT))
        ((number, found),) = store.numbered_members("s-1")
        assert (found.name, found.directory) == ("a.json", {"modified": "x"})
        assert [(s.slice, s.glue, s.hole) for s in store.segments(number)] == [
            (None, b"[", None),
            (hash, None, None),
            (None, None, 1),
        ]
        assert store.slice(hash) == (b'{"a":1}', ())
        assert store.place("s-1", hash) == ("a.json", "conversation", "[0]")

    def test_blobs_are_kept_once_and_checked(self, store: Store) -> None:
        stage = store.begin(AT)
        data = [b"x" * 100_000, b"y" * 50]
        assert store.put_blob(data) == store.put_blob(data)
        hash, size = store.put_blob(iter(data))
        assert (b"".join(store.blob(hash)), size) == (b"".join(data), 100_050)
        assert store.blobs() == [(hash, size)]
        store.discard(stage)
        with pytest.raises(NotFound):
            list(store.blob("0" * 64))

    def test_a_slice_under_a_false_name_is_refused(self, store: Store) -> None:
        with pytest.raises(Damaged), store.transaction():
            store.put_slice_as("0" * 64, b"abc", ())

    def test_of_two_tombstones_the_higher_generation_wins(self, store: Store) -> None:
        stones = [Tombstone("message", "m-1", "c-1", n, erased, AT) for n, erased in ((2, False), (1, True), (2, True), (1, False))]
        with store.transaction():
            for stone in stones:
                store.put_tombstone(stone)
        assert store.tombstones() == {("message", "m-1"): stones[2]}

    def test_the_journal_and_its_audit_chain(self, store: Store) -> None:
        store_all(store, conversation("c-1", "x"))
        with store.transaction():
            store.write_journal(Journal("erase", AT, "c-1", {"conversation": 1}, {"ids": ["c-1"]}), pending=True)
        ((number, record),) = store.pending_journal()
        assert record == {"ids": ["c-1"]}
        with store.transaction():
            store.settle_journal(number)
        assert [verb for _, verb, _, _ in store.journal()] == ["add", "erase"]
        assert store.audit() == (2, [])
