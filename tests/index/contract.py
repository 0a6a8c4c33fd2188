"""What every Index must do. An implementation's test module gives `new_index` and collects these by subclassing."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from souviens.canon import Instant
from souviens.grants import Scope
from souviens.index.layout import UNKNOWN, Place
from souviens.index.port import NOTHING, Index, Pending, Synced
from souviens.records import Conversation, Document, Head, Memory, Message, Text, Topic, sealed
from souviens.vault.embedded import EmbeddedStore
from souviens.vault.store import Journal, Packed

AT = "2026-01-01T00:00:00Z"


class Letters:
    """An encoder without a model: each word adds a direction of its own. Enough to tell texts apart by their words."""

    def __init__(self, id: str = "letters", dimensions: int = 384) -> None:
        self.id, self.dimensions = id, dimensions

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.stack(
            [sum((self._word(w) for w in sorted(set(text.lower().split()))), np.full(self.dimensions, 0.01)) for text in texts]
        )
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def _word(self, word: str) -> NDArray[np.float64]:
        return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(self.dimensions)


def message(id: str, text: str, role: str = "user", us: int | None = None, **fields: object) -> Message:
    time = Instant(unknown="null") if us is None else Instant(us=us, zone="epoch")
    return sealed(Message(id, id, None, 0, role, time, (Text(text),), **fields))  # type: ignore[arg-type]


def conversation(id: str, *texts: str, provider: str = "chatgpt", title: str = "", **head: object) -> Conversation:
    roles = ("user", "assistant")
    messages = tuple(message(f"{id}-{n}", text, roles[n % 2], 1_000_000 * n) for n, text in enumerate(texts))
    return Conversation(id, provider, id, Head(title=title, **head), messages)  # type: ignore[arg-type]


def put(store: EmbeddedStore, *records: Packed) -> list[int]:
    stage = store.begin(AT)
    with store.transaction():
        seqs = put_staged(store, stage, *records)
    assert store.commit(stage, Journal("add", AT))
    return seqs


def put_staged(store: EmbeddedStore, stage: int, *records: Packed) -> list[int]:
    with store.transaction():
        return store.put_packs(stage, [(kind_of(r), r, (store.get(kind_of(r), r.id) or (0,))[0]) for r in records])


def kind_of(record: Packed) -> str:
    return {Conversation: "conversation", Memory: "memory", Topic: "topic"}[type(record)]


def erase(store: EmbeddedStore, *seqs: int) -> None:
    with store.transaction():
        store.replace(dict.fromkeys(seqs))


def places(index: Index, query: str, limit: int = 10, allowed: Callable[..., bool] | None = None) -> list[Place | None]:
    layout = index.layout()
    return [layout.place(unit) for unit in index.words(query, limit, allowed).units.tolist()]


def ids(index: Index, query: str, allowed: Callable[..., bool] | None = None) -> list[str]:
    return [place.id for place in places(index, query, 100, allowed) if place]


# What the internet has collected to break things that read text, in our own words: syntax, quotes, controls, odd scripts.
NAUGHTY = (
    "",
    " ",
    '"',
    '""',
    '"""',
    "'",
    "(",
    ")",
    "*",
    "a*",
    "^a",
    "-a",
    "+",
    "NOT",
    "AND OR",
    "a AND",
    "NEAR(a b, 2)",
    "text:a",
    "{text}: a",
    "a\0b",
    "\0",
    "\ud800",
    "\ufeff",
    "'; DROP TABLE span; --",
    "%s%d%n",
    "\\",
    "😀",
    "👩‍👩‍👧",
    "ﷺ",
    "田中さんにあげて下さい",
    "ประเทศไทย",
    "\u202etest\u202c",
    "Z̴a̷l̵g̶o̴",
    "«»",
    "“”",
    "1/0",
    "a" * 100_000,
    "a " * 5_000,
)


class IndexContract:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[EmbeddedStore]:
        store = EmbeddedStore(tmp_path, None, create=True)
        yield store
        store.close()

    @pytest.fixture
    def index(self, store: EmbeddedStore, new_index: Callable[[], Index]) -> Index:
        return new_index()

    # --- following truth ----------------------------------------------------------------------------------------------

    def test_follows_truth_by_difference(self, index: Index, store: EmbeddedStore) -> None:
        first, second = put(store, conversation("c-1", "apples"), conversation("c-2", "pears"))
        assert index.sync(store) == Synced(added=2)
        assert index.held() == [first, second]
        assert index.sync(store) == Synced()
        erase(store, first)
        (third,) = put(store, conversation("c-2", "pears", "plums"))
        assert index.sync(store) == Synced(added=1, removed=2)
        assert index.held() == [third]
        assert store.sweep(index.held()) == 2
        assert (ids(index, "apples"), ids(index, "plums")) == ([], ["c-2"])

    def test_a_second_index_of_the_same_vault_sees_the_same(
        self, index: Index, store: EmbeddedStore, new_index: Callable[[], Index]
    ) -> None:
        other = new_index()
        assert ids(other, "apples") == []
        put(store, conversation("c-1", "apples"))
        index.sync(store)
        assert ids(other, "apples") == ["c-1"]
        assert other.sync(store) == Synced()

    def test_a_stage_is_indexed_but_not_seen_before_its_commit(self, index: Index, store: EmbeddedStore) -> None:
        put(store, conversation("c-1", "apples"))
        index.sync(store)
        stage = store.begin(AT)
        put_staged(store, stage, conversation("c-1", "apples", "plums"), conversation("c-2", "pears"))
        assert index.sync(store, stage) == Synced(added=2)
        assert index.sync(store, stage) == Synced()
        assert index.sync(store) == Synced()  # somebody else's, while the intake is under way
        assert (ids(index, "apples"), ids(index, "pears"), ids(index, "plums")) == (["c-1"], [], [])
        assert store.commit(stage, Journal("add", AT))
        assert index.sync(store) == Synced(removed=1)
        assert (ids(index, "apples"), ids(index, "pears"), ids(index, "plums")) == (["c-1"], ["c-2"], ["c-1"])

    def test_a_discarded_stage_leaves_the_index(self, index: Index, store: EmbeddedStore) -> None:
        (kept,) = put(store, conversation("c-1", "apples"))
        index.sync(store)
        stage = store.begin(AT)
        put_staged(store, stage, conversation("c-1", "apples", "plums"))
        index.sync(store, stage)
        store.discard(stage)
        assert index.sync(store) == Synced(removed=1)
        assert index.held() == [kept]
        assert ids(index, "apples plums") == ["c-1"]

    def test_in_doubt_it_is_remade(self, index: Index, store: EmbeddedStore) -> None:
        gone, stays = put(store, conversation("c-1", "apples"), conversation("c-2", "pears"))
        index.sync(store)
        erase(store, gone)
        store.sweep([])  # truth let go of a pack the index still held: its words cannot be derived again
        assert index.sync(store) == Synced(added=1)
        assert index.held() == [stays]
        assert (ids(index, "apples"), ids(index, "pears")) == ([], ["c-2"])

    def test_rebuilt_it_gives_the_same_answers(self, index: Index, store: EmbeddedStore) -> None:
        words = [f"w{n}" for n in range(40)]
        rng = np.random.default_rng(4)
        for round in range(4):
            put(
                store,
                *(conversation(f"c-{n % 30}", *(" ".join(rng.choice(words, 8)) for _ in range(6))) for n in range(round, 70, 7)),
            )
            index.sync(store)
        encoder = Letters()
        index.embed(store, encoder)
        queries = [" ".join(rng.choice(words, 3)) for _ in range(20)]

        def answers() -> list[list[tuple[Place | None, float]]]:
            layout = index.layout()
            found = [index.words(query, 15) for query in queries]
            found += [index.nearest("letters", encoder.encode([query])[0], 15) for query in queries]
            return [[(layout.place(int(unit)), float(score)) for unit, score in zip(*some, strict=True)] for some in found]

        before = answers()
        assert index.rebuild(store).added == len(store.live())
        assert answers() == before
        assert index.pending("letters").waiting == 0

    def test_long_texts_are_cut_and_counted(self, index: Index, store: EmbeddedStore) -> None:
        put(store, conversation("c-1", "start " + "x " * 600_000 + " finish"))
        assert index.sync(store) == Synced(added=1, cut=1)
        assert (ids(index, "start"), ids(index, "finish")) == (["c-1"], [])

    # --- words --------------------------------------------------------------------------------------------------------

    def test_finds_titles_messages_memories_and_documents(self, index: Index, store: EmbeddedStore) -> None:
        memory = Memory("y-1", "fact", "The user keeps bees", "user_stated", sensitivity=1)
        topic = Topic("t-1", "project", "Garden", documents=(Document("plan", "Where the hives stand"),))
        put(store, conversation("c-1", "Hello", "Good day", title="On beekeeping"), memory)
        stage = store.begin(AT)
        put_staged(store, stage, topic)
        store.commit(stage, Journal("add", AT))
        index.sync(store)
        assert places(index, "beekeeping") == [Place("conversation", "c-1", 0)]
        assert places(index, "day") == [Place("conversation", "c-1", 2)]
        assert places(index, "bees") == [Place("memory", "y-1", 0)]
        assert places(index, "garden") == [Place("topic", "t-1", 0)]
        assert places(index, "hives") == [Place("topic", "t-1", 1)]

    def test_ranks_the_rarer_and_denser_first_and_scores_above_zero(self, index: Index, store: EmbeddedStore) -> None:
        filler = [conversation(f"c-{n}", "an ordinary day") for n in range(5)]
        put(store, *filler, conversation("c-7", "an ordinary zebra"), conversation("c-8", "zebra " + "padding " * 50))
        index.sync(store)
        assert ids(index, "ordinary zebra")[:2] == ["c-7", "c-8"]
        scores = index.words("ordinary zebra", 10).scores.tolist()
        assert scores == sorted(scores, reverse=True)
        assert min(scores) > 0

    def test_equals_come_in_the_order_of_truth_and_the_limit_holds(self, index: Index, store: EmbeddedStore) -> None:
        put(store, *(conversation(f"c-{n}", "same words") for n in range(9)))
        index.sync(store)
        assert [place.id for place in places(index, "words", 4) if place] == ["c-0", "c-1", "c-2", "c-3"]

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("Le café de Québec", "cafe quebec"),
            ("cafe\u0301 noir", "café"),
            ("L'histoire du pays", "histoire"),
            ("東京で寿司を食べた", "寿司"),
            ("北京大学的学生", "北京大学在哪里"),
            ("データベースの設計", "設計"),
            ("ฉันอยู่ที่กรุงเทพ", "กรุงเทพ"),
            ("मुझे हिन्दी पसंद है", "हिन्दी"),
            ("اللغة العربية", "العَرَبِيَّة"),
            ("세계 여행", "세계"),
            ("mail me@example.org now", "me@example.org"),
        ],
    )
    def test_finds_words_of_every_script(self, index: Index, store: EmbeddedStore, text: str, query: str) -> None:
        put(store, conversation("c-1", text), conversation("c-2", "nothing of the kind"))
        index.sync(store)
        assert ids(index, query) == ["c-1"]

    def test_a_syllable_is_not_a_word(self, index: Index, store: EmbeddedStore) -> None:
        put(store, conversation("c-1", "हिन्दी"), conversation("c-2", "京東"))
        index.sync(store)
        assert ids(index, "हवा") == []
        assert ids(index, "東京") == []

    def test_quoted_words_stand_side_by_side(self, index: Index, store: EmbeddedStore) -> None:
        put(store, conversation("c-1", "new york is large"), conversation("c-2", "york has a new wall"))
        index.sync(store)
        assert sorted(ids(index, "new york")) == ["c-1", "c-2"]
        assert ids(index, '"new york"') == ["c-1"]
        assert ids(index, 'the "new york" wall')[0] == "c-1"
        assert ids(index, "“new york”") == ["c-1"]

    @pytest.mark.parametrize("query", NAUGHTY)
    def test_no_query_is_syntax(self, index: Index, store: EmbeddedStore, query: str) -> None:
        put(store, conversation("c-1", "something entirely different"))
        index.sync(store)
        assert ids(index, query) == []
        assert ids(index, f"{query} different"[-3_000:]) == ["c-1"]

    def test_what_was_hidden_is_not_found_and_keeps_its_place(self, index: Index, store: EmbeddedStore) -> None:
        messages = (message("m-1", "seen"), message("m-2", "secret", visibility="hidden"), message("m-3", "also", author="Ada"))
        put(store, Conversation("c-1", "chatgpt", "c-1", Head(), messages))
        index.sync(store)
        assert ids(index, "secret") == []
        assert places(index, "ada also") == [Place("conversation", "c-1", 3)]

    def test_a_scope_filters_before_the_best_are_taken(self, index: Index, store: EmbeddedStore) -> None:
        put(store, *(conversation(f"c-{n}", "bees bees bees", provider="claude") for n in range(20)))
        put(store, conversation("c-20", "one word of bees"), Memory("y-1", "fact", "bees", "web", sensitivity=4))
        index.sync(store)
        encoder = Letters()
        index.embed(store, encoder)
        scope = Scope(providers=("chatgpt",), sensitivity=3)
        assert [place.id for place in places(index, "bees", 1, scope.allows) if place] == ["c-20"]
        found = index.nearest("letters", encoder.encode(["bees"])[0], 1, scope.allows)
        assert [index.layout().place(unit) for unit in found.units.tolist()] == [Place("conversation", "c-20", 1)]

    def test_common_words_of_a_large_vault_do_not_count_unless_nothing_else_is_asked(
        self, index: Index, store: EmbeddedStore
    ) -> None:
        put(
            store,
            *(conversation(f"c-{n}", *["the plain text"] * 30) for n in range(200)),
            conversation("c-x", "the axolotl", "the"),
        )
        index.sync(store)
        assert ids(index, "the plain text of the axolotl of axolotls")[:1] == ["c-x"]
        assert len(index.words("plain axolotl text the", 10_000).units) < 6_100
        assert len(index.words("the plain text", 10).units) == 10
        assert ids(index, '"the axolotl"') == ["c-x"]

    def test_what_an_intake_left_for_later_is_told_as_if_it_had_been_told_at_once(self, index: Index, store: EmbeddedStore) -> None:
        stage = store.begin(AT)
        said = ("the kiln and its cones", "a kiln is fired by cones", "tickets for the night train", "the night train to Vienna")
        for n, text in enumerate(said):
            put_staged(store, stage, conversation(f"c-{n}", text, "Yes.", text, title=text))
        index.sync(store, stage)
        store.commit(stage, Journal("add", AT))
        index.sync(store)
        assert ids(index, "kiln")  # words are there at once
        seqs = index.layout().seqs.tolist()
        assert index.telling(seqs) == {}
        index.tell(store)

        def told() -> list[object]:
            layout = index.layout()
            return [index.telling(seqs), *(getattr(layout, name).tolist() for name in ("threads", "parents", "episodes"))]

        later = told()
        index.rebuild(store)
        index.tell(store)
        assert later == told()
        assert later[0] != {}

    # --- the layout ---------------------------------------------------------------------------------------------------

    def test_the_layout_says_where_who_and_when(self, index: Index, store: EmbeddedStore) -> None:
        put(store, conversation("c-1", "zero", "one", "two", title="numbers", project="t-9"), Memory("y-1", "fact", "four", "web"))
        index.sync(store)
        layout = index.layout()
        assert layout.size == 5
        (two,) = index.words("two", 1).units.tolist()
        position = int(layout.positions([two])[0])
        assert layout.times[position] == 2_000_000
        assert layout.times[layout.positions(index_units(index, "four"))[0]] == UNKNOWN
        assert layout.projects[layout.span[position]] == "t-9"
        assert layout.roles[layout.positions(index_units(index, "one two"))].tolist() in ([0, 1], [1, 0])
        assert [layout.place(unit) for unit in layout.neighbours(two, 1)] == [Place("conversation", "c-1", 2)]
        assert layout.place(layout.header(two)) == Place("conversation", "c-1", 0)
        assert layout.row("memory", "y-1") == 1
        assert layout.place(two + 1_000_000) is None

    # --- vectors ------------------------------------------------------------------------------------------------------

    def test_embeds_the_recent_first_resumes_and_finds_by_meaning(self, index: Index, store: EmbeddedStore) -> None:
        put(store, *(conversation(f"c-{n}", f"topic{n} talk", updated=Instant(us=n, zone="epoch")) for n in range(200)))
        index.sync(store)
        encoder = Letters()
        assert index.pending("letters") == Pending(400, 0)
        first = index.embed(store, encoder, units=1)
        assert 0 < first.done < 400
        assert best(index, encoder, "topic199 talk") == "c-199"
        assert best(index, encoder, "topic0 talk") != "c-0"
        assert index.embed(store, encoder) == Pending(0, 400)
        assert best(index, encoder, "topic0 talk") == "c-0"

    def test_vectors_of_two_encoders_never_mix(self, index: Index, store: EmbeddedStore) -> None:
        put(store, *(conversation(f"c-{n}", f"topic{n}") for n in range(200)))
        index.sync(store)
        old, new = Letters(), Letters("others", 100)
        index.embed(store, old)
        assert index.nearest("others", new.encode(["topic3"])[0], 5) is NOTHING
        index.embed(store, new, units=1)
        assert best(index, old, "topic3") == "c-3"
        assert index.embed(store, new) == Pending(0, 400)
        assert index.nearest("letters", old.encode(["topic3"])[0], 5) is NOTHING
        assert best(index, new, "topic3") == "c-3"

    def test_a_long_message_counts_by_its_best_piece_and_once(self, index: Index, store: EmbeddedStore) -> None:
        put(store, conversation("c-1", "filler " * 400 + " needle haystack"), conversation("c-2", "other"))
        index.sync(store)
        encoder = Letters()
        index.embed(store, encoder)
        found = index.nearest("letters", encoder.encode(["needle haystack"])[0], 10).units.tolist()
        assert len(set(found)) == len(found) == 2
        assert index.layout().place(found[0]) == Place("conversation", "c-1", 1)

    def test_vectors_leave_with_their_pack(self, index: Index, store: EmbeddedStore) -> None:
        gone, _ = put(store, conversation("c-1", "apples"), conversation("c-2", "pears"))
        index.sync(store)
        encoder = Letters()
        index.embed(store, encoder)
        erase(store, gone)
        index.sync(store)
        assert best(index, encoder, "apples") == "c-2"
        assert index.pending("letters") == Pending(0, 2)


def index_units(index: Index, query: str) -> list[int]:
    return index.words(query, 10).units.tolist()


def best(index: Index, encoder: Letters, text: str) -> str:
    found = index.nearest(encoder.id, encoder.encode([f"user: {text}"])[0], 5)
    place = index.layout().place(int(found.units[0]))
    assert place is not None
    return place.id
