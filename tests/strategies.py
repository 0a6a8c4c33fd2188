"""Generated records for laws: conversations with every kind of part, branches, orphans, circles, unknown times, hidden messages."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from souviens.canon import Instant, epoch, make_id, unknown
from souviens.formats import Chosen
from souviens.records import (
    AUTHORITIES,
    MEMORY_KINDS,
    Attachment,
    Citation,
    Conversation,
    Document,
    Evidence,
    File,
    Head,
    Json,
    Memory,
    Message,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    Uri,
    Verdict,
    sealed,
)

words = st.one_of(
    st.sampled_from(
        ["", "hello", "Grüße\nzweite Zeile", "```py\nopen fence", "a `tick` and ````four````", "日本語。短い。", "---\n# head"]
    ),
    st.text(max_size=40),
)
names = st.one_of(
    st.sampled_from(["", "python", 'a "quoted" <name>', "CON", "x" * 200, "a/b\\c:d", "🎉" * 90]), st.text(max_size=20)
)
maybe_names = st.one_of(st.none(), names)
instants: st.SearchStrategy[Instant] = st.one_of(
    st.sampled_from([unknown("null"), unknown("not a date", "yesterday")]),
    st.integers(1, 4_000_000_000).map(epoch),
    st.decimals(1, 4_000_000_000, allow_nan=False, allow_infinity=False, places=6).map(epoch),
)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.just(Decimal("1.10")), words),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)),
    max_leaves=4,
)
extras = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 9), max_size=2)
offsets = st.one_of(st.none(), st.integers(0, 9))
calls = st.one_of(st.none(), st.sampled_from(["call_1", "call_2"]))
attachment_ids = st.sampled_from(["a-1", "a-2", "a-3"])

parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, words, language=st.sampled_from(["", "python", "c++", "odd `name`"]), extra=extras),
    st.builds(Reasoning, words, words, extras),
    st.builds(ToolCall, names, json_values, calls, extras),
    st.builds(ToolResult, words, maybe_names, calls, st.booleans(), extras),
    st.builds(File, attachment_ids, st.sampled_from(["image", "file"]), names, names, extras),
    st.builds(Uri, st.sampled_from(["", "https://example.org/a b>c"]), names, words, extras),
    st.builds(Citation, st.sampled_from(["", "https://example.org/?q=[1]"]), names, words, offsets, offsets, extras),
    st.builds(Opaque, names, json_values),
)
attachments = st.builds(
    Attachment,
    attachment_ids,
    names,
    names,
    st.sampled_from(["", "image/png"]),
    offsets,
    blob=st.one_of(st.none(), st.just("ab" * 32)),
    missing=names,
)


@st.composite
def messages(draw: st.DrawFn, conversation: str) -> tuple[Message, ...]:
    """Any graph: parents may be earlier or later messages, the message itself, or one that is not there."""
    ids = [make_id("m", conversation, str(n)) for n in range(draw(st.integers(0, 9)))]
    out = []
    for number, id in enumerate(ids):
        # Mostly the message before, so that there are paths to speak of.
        before = st.just(ids[number - 1]) if number else st.none()
        parent = draw(st.one_of(before, before, before, st.none(), st.sampled_from([*ids, "m-nowhere"])))
        out.append(
            sealed(
                Message(
                    id=id,
                    provider_id=draw(st.one_of(st.none(), st.uuids().map(str), st.just("same"))),
                    parent=parent,
                    order=draw(st.integers(0, 3)),
                    role=draw(st.sampled_from(["user", "assistant", "assistant", "tool", "system", "developer", "critic"])),
                    time=draw(instants),
                    parts=tuple(draw(st.lists(parts, max_size=4))),
                    author=draw(maybe_names),
                    model=draw(st.sampled_from([None, "", "gpt-4o", "claude-3"])),
                    updated=draw(st.one_of(st.none(), instants)),
                    visibility=draw(st.sampled_from(["visible", "visible", "visible", "hidden", "placeholder"])),
                    extra=draw(extras),
                )
            )
        )
    return tuple(out)


@st.composite
def conversations(draw: st.DrawFn, number: int) -> Conversation:
    id = make_id("c", "generated", str(number))
    graph = draw(messages(id))
    tips = st.one_of(st.none(), st.just("m-nowhere"), *([st.sampled_from([m.id for m in graph])] if graph else []))
    return Conversation(
        id=id,
        provider="generated",
        provider_id=draw(maybe_names),
        head=Head(
            title=draw(names),
            created=draw(instants),
            updated=draw(instants),
            tip=draw(tips),
            project=draw(st.sampled_from([None, "t-1", "t-2", "t-nowhere"])),
            model=draw(st.sampled_from([None, "gpt-4o"])),
            extra=draw(extras),
        ),
        messages=graph,
        attachments=tuple(draw(st.lists(attachments, max_size=2, unique_by=lambda a: a.id))),
        older=graph[:1] if draw(st.booleans()) else (),
    )


@st.composite
def memories(draw: st.DrawFn, number: int) -> Memory:
    verdicts = st.builds(Verdict, st.sampled_from(["confirm", "correct", "reject"]), instants, words)
    where = st.builds(Evidence, st.sampled_from([None, make_id("c", "generated", "0")]), st.none(), start=offsets, end=offsets)
    return Memory(
        id=make_id("y", "generated", str(number)),
        kind=draw(st.sampled_from([*MEMORY_KINDS, "odd"])),
        text=draw(st.one_of(words, st.just("A long sentence about work. " * 80))),
        authority=draw(st.sampled_from(AUTHORITIES)),
        evidence=tuple(draw(st.lists(where, max_size=2))),
        created=draw(instants),
        sensitivity=draw(st.sampled_from([None, 0, 3, 4])),
        extra=draw(extras),
        verdicts=tuple(draw(st.lists(verdicts, max_size=2))),
        older=("older words",) if draw(st.booleans()) else (),
    )


@st.composite
def chosen(draw: st.DrawFn) -> Chosen:
    """What a writer may be given."""
    documents = st.builds(Document, names, words, extra=extras)
    return Chosen(
        conversations=tuple(draw(conversations(n)) for n in range(draw(st.integers(0, 2)))),
        memories=tuple(draw(memories(n)) for n in range(draw(st.integers(0, 4)))),
        topics=tuple(
            Topic(
                id,
                "project",
                draw(names),
                summary=draw(words),
                instructions=draw(words),
                documents=tuple(draw(st.lists(documents, max_size=1))),
                extra=draw(extras),
            )
            for id in ("t-1", "t-2")[: draw(st.integers(0, 2))]
        ),
    )
