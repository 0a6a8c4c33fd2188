"""The merge laws: a merge is set union plus re-derivation, in any order, any number of times."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from souviens.canon import Instant, canonical, epoch, make_id
from souviens.merge import arranged, merge, merge_memories, merge_topics
from souviens.records import (
    Attachment,
    Conversation,
    Document,
    Evidence,
    Head,
    Memory,
    Message,
    Origin,
    Text,
    Topic,
    Verdict,
    branch_points,
    sealed,
)

TIMES = st.sampled_from([Instant(unknown="null"), Instant(given="1", us=1_000_000), Instant(given="2", us=2_000_000)])
WORDS = st.sampled_from(["", "tea", "coffee", "寿司", "a longer answer about tea"])
NODES = st.sampled_from("abcdefg")
EXTRAS = st.dictionaries(st.sampled_from("ab"), st.sampled_from([1, 2, "x"]), max_size=2)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    node = draw(NODES)
    parent = draw(st.none() | NODES)
    message = Message(
        id=make_id("m", "c", node),
        provider_id=node,
        parent=None if parent is None else make_id("m", "c", parent),
        order=draw(st.integers(0, 2)),
        role=draw(st.sampled_from(["user", "assistant"])),
        time=draw(TIMES),
        parts=(Text(draw(WORDS)),),
        updated=draw(st.none() | TIMES),
        extra=draw(st.sampled_from([{}, {"weight": 1}, {"x": [1, None]}])),
    )
    return sealed(message)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    nodes = draw(st.lists(messages(), unique_by=lambda m: m.id, max_size=7))
    pointers = draw(st.lists(st.sampled_from(["p", "q"]), unique=True))
    return Conversation(
        id="c",
        provider="chatgpt",
        provider_id="1",
        head=Head(title=draw(WORDS), updated=draw(TIMES), tip=draw(st.none() | st.just(make_id("m", "c", "a")))),
        messages=arranged(nodes),
        attachments=tuple(Attachment(p, p, blob=draw(st.none() | st.just("b" * 64)), name=draw(WORDS)) for p in sorted(pointers)),
        origins=(Origin(draw(st.sampled_from(["s-1", "s-2", "s-3"])), draw(st.sampled_from(["h1", "h2"]))),),
    )


@given(conversations())
def test_importing_twice_changes_nothing(a: Conversation) -> None:
    assert merge(a, a) == a


@given(conversations(), conversations())
def test_the_order_of_imports_does_not_matter(a: Conversation, b: Conversation) -> None:
    assert merge(a, b) == merge(b, a)


@given(conversations(), conversations(), conversations())
def test_the_grouping_of_imports_does_not_matter(a: Conversation, b: Conversation, c: Conversation) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


def says(head: Head) -> set[bytes]:
    """What a head says, statement by statement."""
    fields = {name for name in Head.__struct_fields__ if name != "extra" and getattr(head, name) != getattr(Head(), name)}
    extra = {canonical(("extra", *pair)) for pair in head.extra.items()}
    return {canonical((name, getattr(head, name))) for name in fields} | extra


@given(conversations(), conversations())
def test_a_merge_removes_nothing_and_invents_nothing(a: Conversation, b: Conversation) -> None:
    def versions(c: Conversation) -> set[bytes]:
        return {canonical(m) for m in (*c.messages, *c.older)}

    merged = merge(a, b)
    assert versions(merged) == versions(a) | versions(b)
    heads = {canonical(h) for h in (merged.head, *merged.older_heads)}
    assert heads <= {canonical(a.head), canonical(b.head)}
    for head in (a.head, b.head):  # one that is gone says nothing that one which stays does not say
        assert any(says(head) <= says(kept) for kept in (merged.head, *merged.older_heads))
    assert {x.id for x in merged.attachments} == {x.id for x in (*a.attachments, *b.attachments)}
    for id in {x.id for x in merged.attachments}:
        had_bytes = any(x.blob for x in (*a.attachments, *b.attachments) if x.id == id)
        assert any(x.blob for x in merged.attachments if x.id == id) == had_bytes
    assert len({m.id for m in merged.messages}) == len(merged.messages)


@given(conversations(), st.sets(NODES))
def test_a_newer_but_thinner_export_never_removes(full: Conversation, left_out: set[str]) -> None:
    gone = {make_id("m", "c", node) for node in left_out}
    thin = msgspec.structs.replace(full, messages=arranged(m for m in full.messages if m.id not in gone), attachments=())
    assert merge(full, thin) == full


def test_the_providers_update_time_wins_then_the_richer_never_the_order() -> None:
    def version(text: str, updated: int | None) -> Conversation:
        time = Instant(unknown="null") if updated is None else Instant(given=str(updated), us=updated)
        message = sealed(Message("m", "n", None, 0, "user", Instant(unknown="null"), (Text(text),), updated=time))
        return Conversation("c", "chatgpt", "1", Head(), (message,))

    for a, b, winner in [
        (version("the much longer first wording", 1), version("short", 2), "short"),
        (version("the longer wording", None), version("short", None), "the longer wording"),
        (version("unknown time and long", None), version("x", 1), "x"),
    ]:
        for merged in (merge(a, b), merge(b, a)):
            part = merged.messages[0].parts[0]
            assert isinstance(part, Text)
            assert part.text == winner
            assert len(merged.older) == 1


@given(st.lists(messages(), unique_by=lambda m: m.id))
def test_arranging_keeps_every_message_and_puts_parents_first(nodes: list[Message]) -> None:
    out = arranged(nodes)
    assert sorted(m.id for m in out) == sorted(m.id for m in nodes)
    assert arranged(reversed(nodes)) == out
    place = {m.id: n for n, m in enumerate(out)}
    by_id = {m.id: m for m in nodes}
    for message in out:
        ancestor, seen = message.parent, {message.id}
        while ancestor in by_id and ancestor not in seen:
            seen.add(ancestor)
            ancestor = by_id[ancestor].parent
        on_a_cycle = ancestor in seen
        if message.parent in place and not on_a_cycle:
            assert place[message.parent] < place[message.id]


@given(st.lists(messages(), unique_by=lambda m: m.id))
def test_branch_points_are_the_parents_of_several(nodes: list[Message]) -> None:
    points = branch_points(tuple(nodes))
    parents = {m.parent for m in nodes}
    told = [m for m in nodes if m.parent is not None or m.visibility != "placeholder" or m.id in parents]
    counted = Counter(m.parent for m in told)
    assert {parent: len(children) for parent, children in points.items()} == {p: n for p, n in counted.items() if n > 1}


def test_a_conversation_may_branch_at_its_beginning() -> None:
    def said(id: str, parent: str | None) -> Message:
        return Message(id, None, parent, 0, "user", Instant(unknown="null"))

    first, edited = said("a", None), said("b", None)
    assert branch_points([first, edited]) == {None: ("a", "b")}
    assert branch_points([first, said("b", "a")]) == {}
    # What orphans follow is not here: one is no beginning, two of one message branch there.
    assert branch_points([first, said("b", "gone")]) == {}
    assert branch_points([first, said("b", "gone"), said("c", "gone")]) == {"gone": ("b", "c")}
    # The root that a provider puts above the first message is none unless it leads somewhere.
    root = replace(said("r", None), visibility="placeholder")
    assert branch_points([root, first]) == {}
    assert branch_points([root, first, said("b", "r")]) == {None: ("a", "r")}


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    verdicts = draw(st.lists(st.sampled_from(["confirm", "reject"]), max_size=2))
    return Memory(
        "y-1",
        "preference",
        draw(WORDS),
        "imported",
        evidence=tuple(Evidence(message=draw(NODES)) for _ in range(draw(st.integers(0, 2)))),
        created=draw(TIMES),
        updated=draw(st.none() | TIMES),
        valid_to=draw(st.none() | TIMES),
        extra=draw(EXTRAS),
        origins=(Origin(draw(NODES), "h"),),
        verdicts=tuple(Verdict(v, Instant(us=n), serial=n + 1) for n, v in enumerate(verdicts)),  # type: ignore[arg-type]
    )


@given(st.lists(memories(), min_size=1, max_size=4), st.randoms())
def test_memories_merge_in_any_order_and_grouping(versions: list[Memory], random: object) -> None:
    merged = merge_memories(versions)
    shuffled = list(versions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge_memories(shuffled) == merged
    assert merge_memories([merge_memories(versions[:1]), *versions[1:]]) == merged
    assert merge_memories([merged, merged]) == merged
    assert set(merged.evidence) == {e for v in versions for e in v.evidence}
    assert {merged.text, *merged.older} == {v.text for v in versions}
    kept = (merged, *merged.versions)
    for version in versions:  # some version says at least as much
        assert any(
            v.text == version.text and version.valid_to in (None, v.valid_to) and set(version.extra.items()) <= set(v.extra.items())
            for v in kept
        )


def test_a_memory_that_is_repeated_at_other_times_has_one_version() -> None:
    said = [Memory("y-1", "fact", "x", "imported", created=epoch(time), origins=(Origin("s", str(time)),)) for time in range(1, 9)]
    merged = merge_memories(said)
    assert (merged.versions, len(merged.origins)) == ((), 8)


def test_what_a_losing_version_of_a_memory_or_topic_says_is_kept_beside_the_winner() -> None:
    one, two = (Memory("y-1", "fact", text, "imported", extra={"user_id": text}) for text in ("likes coffee", "likes tea"))
    merged = merge_memories([one, two])
    assert [(v.text, v.extra) for v in (merged, *merged.versions)] == [(one.text, one.extra), (two.text, two.extra)]
    happy, sad = (Topic("t-1", "topic", "note", extra={"mood": mood}, updated=epoch(1)) for mood in ("happy", "sad"))
    assert merge_topics([happy, sad]) == replace(happy, versions=(sad,))
    # What is a number here and true there are two things, and neither goes for the other.
    assert len(merge_topics([replace(sad, extra={"a": 1}), replace(sad, extra={"a": True})]).versions) == 1


@st.composite
def topics(draw: st.DrawFn) -> Topic:
    names = draw(st.lists(st.sampled_from(["one.md", "two.md"]), unique=True))
    return Topic(
        "t-1",
        "project",
        draw(WORDS),
        summary=draw(WORDS),
        updated=draw(st.none() | TIMES),
        extra=draw(EXTRAS),
        documents=tuple(Document(name, draw(WORDS), updated=draw(st.none() | TIMES)) for name in names),
        origins=(Origin(draw(NODES), "h"),),
    )


@given(st.lists(topics(), min_size=1, max_size=4))
def test_topics_merge_in_any_order_and_keep_every_document(versions: list[Topic]) -> None:
    merged = merge_topics(versions)
    assert merge_topics(versions[::-1]) == merged
    assert merge_topics([merge_topics(versions[:2]), *versions[2:]]) == merged
    assert merge_topics([merged, merged]) == merged
    assert {d.name for d in merged.documents} == {d.name for v in versions for d in v.documents}
    assert {(d.name, d.text) for d in (*merged.documents, *merged.older)} == {
        (d.name, d.text) for v in versions for d in v.documents
    }


def test_a_document_that_became_shorter_is_the_newer_one_and_the_longer_is_kept() -> None:
    long, short = (
        Topic("t-1", "topic", documents=(Document("a.md", text, updated=epoch(time)),))
        for text, time in (("long text", 1), ("short", 2))
    )
    merged = merge_topics([long, short])
    assert [d.text for d in merged.documents] == ["short"]
    assert [d.text for d in merged.older] == ["long text"]
