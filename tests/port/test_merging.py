"""The merge laws over real shapes, through the whole vault: what comes in twice, newer, thinner, in parts or another way round."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from souviens.errors import SourceError
from souviens.port.checking import verify
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.port.lines import export_lines, import_lines
from souviens.port.remembering import remember, review
from souviens.port.staging import BATCH
from souviens.records import Conversation, Counts
from souviens.vault import Vault
from tests.golden import fixtures
from tests.port.given import (
    SHARED,
    assert_sums,
    chat,
    claude_chat,
    image,
    new_vault,
    records,
    remembered,
    said,
    state,
    take,
    total,
    turn,
    write,
    zipped,
)

ROOT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def vaults(tmp_path: Path) -> Callable[[], Vault]:
    numbers = itertools.count()
    return lambda: new_vault(tmp_path / f"vault-{next(numbers)}")


def fed(vault: Vault, paths: Iterable[Path]) -> Vault:
    take(vault, *paths)
    return vault


# --- one account, seen at two times -----------------------------------------------------------------------------------


def chatgpt_older() -> dict[str, Any]:
    """An account in the spring, in the full shape: nodes with children, system nodes, an image with its bytes."""
    system = turn("s", None, "system", "")
    kiln = [
        system,
        turn("k1", "s", "user", "Which clay for a teapot?"),
        turn("k2", "k1", "assistant", "Stoneware.", metadata={"model_slug": "gpt-4o"}),
        turn("k2b", "k1", "assistant", "Porcelain.", metadata={"model_slug": "gpt-4o"}),
        turn("k3", "k2", "user", "At what heat?", update_time=1_760_000_010.0),
    ]
    gone = chat("c-gone", turn("g", None, "user", "This one is deleted before the next export."))
    picture = chat("c-pic", image("p", None, "file-Cup1"), title="A cup")
    return {"conversations.json": [chat("c-kiln", *kiln, title="Kiln"), gone, picture], "file-Cup1-cup.png": b"\x89PNG cup"}


def chatgpt_newer() -> dict[str, Any]:
    """The same account in autumn, in the slim shape of that year: no children, no system nodes, a new answer, an edited title."""
    kiln = [
        turn("k1", None, "user", "Which clay for a teapot?"),
        turn("k2", "k1", "assistant", "Stoneware.", metadata={"model_slug": "gpt-4o"}),
        turn("k3", "k2", "user", "At what heat, and how long?", update_time=1_761_000_000.0),
        turn("k4", "k3", "assistant", "1,220 degrees, nine hours.", metadata={"model_slug": "gpt-5"}),
    ]
    return {
        "conversations-000.json": [chat("c-kiln", *kiln, title="Teapot", slim=True) | {"update_time": 1_761_000_000.0}],
        "conversations-001.json": [
            chat("c-new", turn("n", None, "user", "Glaze?"), slim=True),
            chat("c-pic", image("p", None, "file-Cup1"), slim=True),
        ],
    }


def claude_older() -> dict[str, Any]:
    one = said("u1", ROOT, "human", "When do I repot a fig tree?")
    two = said("u2", "u1", "assistant", "In early spring.")
    return {
        "conversations.json": [claude_chat("f-1", one, two), claude_chat("f-2", one)],
        "memories.json": remembered("Grows figs."),
    }


def claude_newer() -> dict[str, Any]:
    one = said("u1", ROOT, "human", "When do I repot a fig tree?")
    two = said("u2", "u1", "assistant", "In early spring, before it wakes.", updated_at="2026-03-01T00:00:00.000000Z")
    three = said("u3", "u1", "assistant", "In autumn, in the south.")
    return {
        "conversations.json": [claude_chat("f-1", one, two, three, name="Figs")],
        "memories.json": remembered("Grows figs and olives."),
    }


PAIRS = {"chatgpt": (chatgpt_older, chatgpt_newer), "claude": (claude_older, claude_newer)}


@pytest.fixture(params=sorted(PAIRS))
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    older, newer = PAIRS[request.param]
    return zipped(tmp_path / "older.zip", older()), zipped(tmp_path / "newer.zip", newer())


def conversations(vault: Vault) -> dict[str | None, Conversation]:
    found = [vault.store.pack(seq) for seq, kind, _ in vault.store.live() if kind == "conversation"]
    return {c.provider_id: c for c in found if isinstance(c, Conversation)}


def test_full_then_slim_and_slim_then_full_end_in_the_same_state(vaults: Callable[[], Vault], pair: tuple[Path, Path]) -> None:
    one, other = fed(vaults(), pair), fed(vaults(), pair[::-1])
    assert len(records(one)) > 2
    assert records(one) == records(other)
    assert one.store.slices() != []
    assert sorted(one.store.slices()) == sorted(other.store.slices())


def test_a_newer_but_thinner_export_removes_nothing(vault: Vault, tmp_path: Path) -> None:
    older, newer = (zipped(tmp_path / f"{n}.zip", made()) for n, made in enumerate(PAIRS["chatgpt"]))
    take(vault, older)
    before = conversations(vault)
    (receipt,) = take(vault, newer)
    after = conversations(vault)
    assert receipt.new == Counts(conversations=1, messages=2)  # c-new's turn, and k4
    for id, conversation in before.items():
        kept = {(m.id, m.hash) for m in (*after[id].messages, *after[id].older)}
        assert {(m.id, m.hash) for m in conversation.messages} <= kept
    assert after["c-kiln"].head.title == "Teapot"  # the provider's update time decides
    assert [h.title for h in after["c-kiln"].older_heads] == ["Kiln"]
    assert after["c-pic"].attachments[0].blob


def test_the_newer_wording_wins_whichever_came_first(vaults: Callable[[], Vault], pair: tuple[Path, Path]) -> None:
    for order in (pair, pair[::-1]):
        found = conversations(fed(vaults(), order))
        texts = {part.text for c in found.values() for m in c.messages for part in m.parts if hasattr(part, "text")}
        assert texts & {"At what heat, and how long?", "In early spring, before it wakes."}
        assert not texts & {"At what heat?", "In early spring."}


def test_taking_in_the_same_file_again_changes_nothing(vault: Vault, pair: tuple[Path, Path]) -> None:
    take(vault, *pair)
    before, version = state(vault), vault.store.version()
    for path in pair:
        (again,) = take(vault, path)
        assert again.known
        assert again.unchanged == again.read != Counts()
        assert again.new == again.changed == Counts()
    assert state(vault) == before
    assert vault.store.version() == version


@pytest.mark.parametrize("provider", sorted(PAIRS))
def test_another_file_of_the_same_conversations_is_unchanged(vault: Vault, tmp_path: Path, provider: str) -> None:
    members = PAIRS[provider][0]()
    first, second = zipped(tmp_path / "1.zip", members), zipped(tmp_path / "2.zip", members | {"note.txt": b"another file"})
    take(vault, first)
    (again,) = take(vault, second)
    assert not again.known
    assert again.unchanged == again.read
    assert again.new == again.changed == Counts()
    assert len(vault.store.sources()) == 2


@pytest.mark.parametrize("provider", sorted(PAIRS))
def test_shards_one_by_one_in_any_order_or_together_hold_the_same(
    vaults: Callable[[], Vault], tmp_path: Path, provider: str
) -> None:
    # A conversation torn over two shards, too: each shard has messages the other has not.
    if provider == "chatgpt":
        turns = [turn("a", None, "user", "1"), turn("b", "a", "assistant", "2"), turn("c", "b", "user", "3")]
        shards = [
            [chat("x", *turns[:2], slim=True), chat("y", turns[0], slim=True)],
            [chat("x", turns[0], turns[2], slim=True)],
            [chat("z", turns[0], slim=True)],
        ]
    else:
        talk = [said("a", ROOT, "human", "1"), said("b", "a", "assistant", "2"), said("c", "b", "human", "3")]
        shards = [
            [claude_chat("x", *talk[:2]), claude_chat("y", talk[0])],
            [claude_chat("x", talk[0], talk[2])],
            [claude_chat("z", talk[0])],
        ]
    files = [write(tmp_path / f"conversations-{n:03}.json", shard) for n, shard in enumerate(shards)]
    whole = zipped(tmp_path / "all.zip", {path.name: path.read_bytes() for path in files})

    def told(vault: Vault) -> dict[str | None, Any]:
        return {id: (c.head, c.messages, c.older, c.attachments) for id, c in conversations(vault).items()}

    together = told(fed(vaults(), [whole]))
    assert len(together["x"][1]) == 3
    states = [fed(vaults(), order) for order in itertools.permutations(files)]
    for vault in states:
        assert told(vault) == together
        assert records(vault) == records(states[0])


def test_a_conversation_that_many_slices_tell_of_counts_once(vault: Vault, tmp_path: Path) -> None:
    """Whether they stand in one batch or far apart: what is counted is the conversation, not how often it is told."""
    one, other = chat("x", turn("a", None, "user", "1")), chat("x", turn("a", None, "user", "1"), turn("b", "a", "assistant", "2"))
    between = [chat(f"between-{n}", turn(f"n{n}", None, "user", "word " * 50_000)) for n in range(20)]
    assert len(json.dumps(between)) > BATCH
    near = zipped(tmp_path / "near.zip", {"conversations-000.json": [one, one], "conversations-001.json": [other]})
    (receipt,) = take(vault, near)
    assert receipt.new == receipt.read == Counts(conversations=1, messages=3)
    with new_vault(tmp_path / "far") as far:
        (receipt,) = take(far, write(tmp_path / "far" / "conversations.json", [one, *between, other, one]))
        assert receipt.new == receipt.read == Counts(conversations=21, messages=3 + 2 * 20)
        (wide,) = (pack for pack in map(far.store.pack, (seq for seq, _, _ in far.store.live())) if pack.provider_id == "x")
        (pack,) = (vault.store.pack(seq) for seq, _, _ in vault.store.live())
        assert wide.messages == pack.messages


@pytest.mark.skipif(not SHARED.exists(), reason="the real-shaped exports of others are not beside the repository")
@pytest.mark.parametrize(
    "names",
    [
        ("chatgpt/la-roca_v1", "chatgpt/la-roca_sharded"),
        ("chatgpt/la-roca_v1", "chatgpt/ours_slim2026"),
        ("claude/la-roca_v2", "claude/polylogue_sample-00.json"),
        ("claude/openwebui-importer_claude_example.json", "claude/portable-ai-context_claude.synthetic.json"),
    ],
    ids=lambda names: names[0].replace("/", "-"),
)
def test_real_shaped_pairs_merge_the_same_either_way(vaults: Callable[[], Vault], tmp_path: Path, names: tuple[str, str]) -> None:
    paths = [SHARED / name for name in names]
    one, other, single = fed(vaults(), paths), fed(vaults(), paths[::-1]), fed(vaults(), paths[:1])
    assert records(one) == records(other)
    second = fed(vaults(), paths[1:])
    export_lines(second, tmp_path / "second.jsonl")
    import_lines(single, tmp_path / "second.jsonl")
    assert records(single) == records(one)
    assert verify(single).problems == ()


# --- two vaults -------------------------------------------------------------------------------------------------------


def test_two_vaults_merged_equal_one_that_saw_both(vaults: Callable[[], Vault], tmp_path: Path, pair: tuple[Path, Path]) -> None:
    one, other, both = fed(vaults(), pair[:1]), fed(vaults(), pair[1:]), fed(vaults(), pair)
    export_lines(one, tmp_path / "one.jsonl")
    export_lines(other, tmp_path / "other.jsonl")
    import_lines(one, tmp_path / "other.jsonl")
    import_lines(other, tmp_path / "one.jsonl")
    assert records(one) == records(other) == records(both)
    for vault in (one, other):
        assert {key: sorted(value) for key, value in state(vault).items() if key in ("slices", "blobs", "sources")} == {
            key: sorted(value) for key, value in state(both).items() if key in ("slices", "blobs", "sources")
        }
        assert state(vault)["origins"] == state(both)["origins"]
        assert verify(vault).problems == ()


def test_one_file_under_two_names_is_one_source(vaults: Callable[[], Vault], tmp_path: Path) -> None:
    talk = [chat("c", turn("a", None, "user", "one"))]
    one, other = fed(vaults(), [write(tmp_path / "a.json", talk)]), fed(vaults(), [write(tmp_path / "b.json", talk)])
    export_lines(other, tmp_path / "other.jsonl")
    before = state(one)
    import_lines(one, tmp_path / "other.jsonl")
    assert state(one) == before
    assert verify(one).problems == ()


def test_what_persons_said_in_two_vaults_is_one(vaults: Callable[[], Vault], tmp_path: Path) -> None:
    one, other = vaults(), vaults()
    stated = remember(one, "Takes tea without sugar.")
    remember(other, "Takes tea without sugar.")
    remember(other, "Sails on Sundays.")
    review(one, stated.id, "reject")
    export_lines(one, tmp_path / "one.jsonl")
    export_lines(other, tmp_path / "other.jsonl")
    import_lines(one, tmp_path / "other.jsonl")
    import_lines(other, tmp_path / "one.jsonl")
    assert records(one) == records(other)
    assert len(records(one)) == 2


# --- tombstones -------------------------------------------------------------------------------------------------------


def exported(vault: Vault, path: Path) -> Path:
    export_lines(vault, path)
    return path


def test_what_one_of_two_vaults_erased_is_gone_from_both(vaults: Callable[[], Vault], tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", chatgpt_older())
    words = b"deleted before the next export"
    for erased_in in (0, 1):
        pair = fed(vaults(), [path]), fed(vaults(), [path])
        target = conversations(pair[erased_in])["c-gone"].id
        erase(pair[erased_in], [target])
        left = records(pair[erased_in])
        done = import_lines(pair[0], exported(pair[1], tmp_path / f"{erased_in}.jsonl"))
        assert done.erased == erased_in  # what we erased does not come in at all
        assert records(pair[0]) == left
        assert not any(words in pair[0].store.slice(id)[0] for id in pair[0].store.slices())
        assert pair[0].store.tombstones()["conversation", target].erased
        assert verify(pair[0]).problems == ()


def test_an_erased_message_is_gone_from_both(vaults: Callable[[], Vault], tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", chatgpt_older())
    for erased_in in (0, 1):
        pair = fed(vaults(), [path]), fed(vaults(), [path])
        (target,) = [m.id for m in conversations(pair[0])["c-kiln"].messages if m.provider_id == "k2b"]
        erase(pair[erased_in], [target])
        import_lines(pair[0], exported(pair[1], tmp_path / f"{erased_in}.jsonl"))
        assert b"Porcelain" not in b"".join(records(pair[0]).values())
        assert not any(b"Porcelain" in pair[0].store.slice(id)[0] for id in pair[0].store.slices())
        assert verify(pair[0]).problems == ()


def test_a_higher_generation_wins_whichever_vault_it_came_from(vaults: Callable[[], Vault], tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", chatgpt_older())
    one, other = fed(vaults(), [path]), fed(vaults(), [path])
    target = conversations(one)["c-gone"].id
    erase(one, [target])
    erase(other, [target])
    take(other, path, bring_back=True)
    import_lines(one, exported(other, tmp_path / "other.jsonl"))
    assert one.store.tombstones()["conversation", target][3:5] == (2, False)
    assert conversations(one)["c-gone"].messages == conversations(other)["c-gone"].messages
    assert verify(one).problems == ()


def test_a_tombstone_wins_over_a_re_import_until_it_is_asked_back(vault: Vault, tmp_path: Path) -> None:
    members = chatgpt_older() | {"chat.html": b"<html><script>var jsonData = 'deleted before the next export'</script></html>"}
    path, again = zipped(tmp_path / "x.zip", members), zipped(tmp_path / "y.zip", members | {"note.txt": b"x"})
    take(vault, path)
    full = records(vault)
    target = conversations(vault)["c-gone"].id
    erase(vault, [target])
    left = set(records(vault))
    (receipt,) = take(vault, again)
    assert set(records(vault)) == left
    assert receipt.unchanged == receipt.read
    assert {w.where or w.path for w in receipt.withheld} == {"[1]", "chat.html"}
    held = [vault.store.slice(id)[0] for id in vault.store.slices()] + [
        b"".join(vault.store.blob(b)) for b, _ in vault.store.blobs()
    ]
    assert not any(b"deleted before the next export" in data for data in held)
    take(vault, path, bring_back=True)
    assert set(records(vault)) == set(full)
    assert verify(vault).problems == ()


def test_an_erased_source_stays_out_until_it_is_asked_back(vault: Vault, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", chatgpt_older())
    (receipt,) = take(vault, path)
    before = records(vault)
    erase(vault, [receipt.id])
    with pytest.raises(SourceError, match="was erased"):
        take_in(vault, path)
    assert records(vault) == {}
    take(vault, path, bring_back=True)
    assert records(vault) == before


def test_a_message_asked_back_stands_where_it_stood(vault: Vault, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", chatgpt_older())
    take(vault, path)
    before = records(vault)
    (target,) = [m.id for m in conversations(vault)["c-kiln"].messages if m.provider_id == "k2b"]
    erase(vault, [target])
    assert records(vault) != before
    take(vault, path, bring_back=True)
    assert records(vault) == before
    assert len(vault.store.slices()) == 3  # the one with a hole is not needed any more
    (known,) = take(vault, path)
    assert known.known


# --- a law over generated accounts ------------------------------------------------------------------------------------

NODES = "abcdef"
WORDS = st.sampled_from(["tea", "coffee", "a long answer about tea", "寿司"])
TIMES = st.sampled_from([None, 1_760_000_000.0, 1_760_000_500.25])


@st.composite
def chatgpt_exports(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some chats of one account at some time: parts of their graphs, other wordings, with or without children."""
    out = []
    for id in draw(st.lists(st.sampled_from(["c-1", "c-2", "c-3"]), min_size=1, max_size=3, unique=True)):
        turns = []
        for n, node in enumerate(NODES):
            if draw(st.booleans()):
                parent = NODES[draw(st.integers(0, n - 1))] if n else None
                turns.append(turn(node, parent, draw(st.sampled_from(["user", "assistant"])), draw(WORDS), update_time=draw(TIMES)))
        turns = turns or [turn("a", None, "user", "tea")]
        out.append(chat(id, *turns, title=draw(WORDS), slim=draw(st.booleans())) | {"update_time": draw(TIMES)})
    return out


@st.composite
def claude_exports(draw: st.DrawFn) -> list[dict[str, Any]]:
    out = []
    for id in draw(st.lists(st.sampled_from(["f-1", "f-2", "f-3"]), min_size=1, max_size=3, unique=True)):
        messages = []
        for n, node in enumerate(NODES):
            if draw(st.booleans()):
                parent = NODES[draw(st.integers(0, n - 1))] if n else ROOT
                at = draw(st.sampled_from(["2026-02-03T10:00:00Z", "2026-02-04T10:00:00.5Z"]))
                messages.append(said(node, parent, draw(st.sampled_from(["human", "assistant"])), draw(WORDS), updated_at=at))
        out.append(claude_chat(id, *(messages or [said("a", ROOT, "human", "tea")]), name=draw(WORDS)))
    return out


@settings(max_examples=10, deadline=None, phases=[Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.one_of(st.tuples(*[chatgpt_exports()] * 3), st.tuples(*[claude_exports()] * 3)), st.permutations(range(3)))
def test_any_order_of_any_exports_of_one_account_is_one_state(exports: tuple[list[dict[str, Any]], ...], order: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [write(folder / f"{n}" / "conversations.json", export) for n, export in enumerate(exports)]
        with new_vault(folder / "one") as one, new_vault(folder / "two") as two, new_vault(folder / "rest") as rest:
            receipts = [take_in(one, path) for path in paths]
            for receipt in receipts:
                assert_sums(receipt)
            take_in(two, paths[order[0]])
            for n in order[1:]:
                take_in(rest, paths[n])
            import_lines(two, exported(rest, folder / "rest.jsonl"))
            assert records(one) == records(two)
            assert verify(two).problems == ()
            met = {c.get("conversation_id") or c.get("uuid") for export in exports for c in export}
            assert total(receipts, "new").conversations == len(met) == len(records(one))
            before = state(one)
            assert all(take_in(one, path).known for path in paths)
            assert state(one) == before


@pytest.mark.parametrize(
    "case", [path for path in fixtures() if path.name != "empty"], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_fixture_taken_in_twice_is_known(vault: Vault, case: Path) -> None:
    take(vault, case)
    before = state(vault)
    (again,) = take(vault, case)
    assert again.known
    assert state(vault) == before
