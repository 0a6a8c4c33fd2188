"""A follower is a real process: it indexes a stage while it grows, and leaves nothing odd when it is stopped or dies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from souviens.index import open_index
from souviens.index.follow import Follower
from souviens.index.port import Synced
from souviens.vault.embedded import EmbeddedStore
from souviens.vault.store import Journal
from tests.index.contract import AT, conversation, ids, put_staged

KEY = os.urandom(32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path, KEY, create=True)
    yield store
    store.close()


def test_indexes_what_is_staged_before_it_is_committed(tmp_path: Path, store: EmbeddedStore) -> None:
    stage = store.begin(AT)
    follower = Follower(tmp_path, KEY, stage)
    for n in range(20):
        put_staged(store, stage, conversation(f"c-{n}", "apples"))
        time.sleep(0.02)
    assert follower.finish() == Synced(added=20)
    assert store.commit(stage, Journal("add", AT))
    with open_index(tmp_path, KEY) as index:
        assert ids(index, "apples") == []
        assert index.sync(store) == Synced()
        assert len(ids(index, "apples")) == 20


def test_stopped_or_dead_it_leaves_the_rest_to_sync(tmp_path: Path, store: EmbeddedStore) -> None:
    stage = store.begin(AT)
    put_staged(store, stage, conversation("c-1", "apples"))
    stopped, dead = Follower(tmp_path, KEY, stage), Follower(tmp_path, KEY, stage)
    stopped.stop()
    assert not stopped._process.is_alive()
    dead._process.kill()
    assert dead.finish() == Synced()
    assert store.commit(stage, Journal("add", AT))
    with open_index(tmp_path, KEY) as index:
        index.sync(store)
        assert ids(index, "apples") == ["c-1"]
