"""Every writer: what it writes can be read, what it says it carried is there, and nothing goes without being named."""

from __future__ import annotations

import html
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from souviens.canon import epoch, make_id, rfc3339, unknown, utc
from souviens.formats import Chosen, Writer, Written, markdown, memory_text, openwebui, writers
from souviens.records import (
    Attachment,
    Citation,
    Conversation,
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
)
from tests.strategies import chosen as chosen_records

WRITERS: tuple[Writer, ...] = (openwebui, markdown, memory_text)
PARTS = {
    "text": Text,
    "reasoning": Reasoning,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "link": Uri,
    "citation": Citation,
    "opaque": Opaque,
}
generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def lost(written: Written) -> Counter[str]:
    counts: Counter[str] = Counter()
    for loss in written.lost:
        counts[loss.kind] += loss.count
    return counts


def everything(chosen: Chosen) -> dict[str, int]:
    """What is in the records, counted by hand."""
    messages = [m for c in chosen.conversations for m in c.messages]
    parts = [part for m in messages for part in m.parts]
    heads = [c.head for c in chosen.conversations]
    times = [m.time for m in messages] + [t for head in heads for t in (head.created, head.updated)]
    children: Counter[tuple[str, str | None]] = Counter()
    for conversation in chosen.conversations:
        parents = {m.parent for m in conversation.messages}
        ends = {m.id for m in conversation.messages if m.visibility == "placeholder" and m.id not in parents}
        children.update((conversation.id, m.parent) for m in conversation.messages if m.parent is not None or m.id not in ends)
    bare = sum(
        all(a.id != p.attachment for m in c.messages for p in m.parts if isinstance(p, File))
        for c in chosen.conversations
        for a in c.attachments
    )
    return {
        **{kind: sum(isinstance(part, type) for part in parts) for kind, type in PARTS.items()},
        "attachment": sum(isinstance(part, File) for part in parts) + bare,
        "conversation": len(chosen.conversations),
        "message": len(messages),
        "time": sum(t.us is not None for t in times),
        "unknown_time": sum(t.us is None for t in times),
        "model": sum(m.model is not None for m in messages),
        "author": sum(m.author is not None for m in messages),
        "branch_point": sum(count > 1 for count in children.values()),
        "memory": len(chosen.memories),
        "evidence": sum(len(m.evidence) for m in chosen.memories),
        "topic": len(chosen.topics),
        "document": sum(len(t.documents) for t in chosen.topics),
        "older_version": sum(len(c.older) for c in chosen.conversations) + sum(len(m.older) for m in chosen.memories),
    }


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.NAME)
@generated
@given(chosen_records())
def test_in_the_records_is_carried_plus_lost(writer: Writer, chosen: Chosen) -> None:
    written = writer.write(chosen)
    gone = lost(written)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in everything(chosen)} == everything(chosen)
    assert all(loss.count > 0 and loss.reason for loss in written.lost)
    assert all(count > 0 for count in written.carried.values())


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.NAME)
@settings(generated, max_examples=25)
@given(chosen_records())
def test_the_same_choice_gives_the_same_files(writer: Writer, chosen: Chosen) -> None:
    assert writer.write(chosen) == writer.write(chosen)


def test_the_folder_is_the_registry() -> None:
    assert {"openwebui", "markdown", "memory-text"} <= writers().keys()


# --- one conversation, as ChatGPT writes them -----------------------------------------------------------------------------

ROOT, SYSTEM, ASK, THOUGHT, CODE, RAN, ANSWER, AGAIN = (make_id("m", "c", name) for name in "abcdefgh")
ANSWER_UUID = "0b0e7f5e-90b3-4a8e-8d52-3b8f0a7a1b11"


def said(id: str, parent: str | None, role: str, *parts: Part, **fields: Json) -> Message:
    return Message(
        **{"id": id, "provider_id": None, "parent": parent, "order": 0, "role": role, "time": unknown("null"), "parts": parts}
        | fields
    )


TALK = Conversation(
    id=make_id("c", "chatgpt", "talk"),
    provider="chatgpt",
    provider_id="67000000-0000-4000-8000-000000000001",
    head=Head('Tides: "why", and <when>?', epoch(1_700_000_000), epoch(1_700_000_100), tip=ANSWER, project="t-sea"),
    messages=(
        said(ROOT, None, "system", visibility="placeholder"),
        said(SYSTEM, ROOT, "system", Text("Be brief."), visibility="hidden"),
        said(
            ASK,
            SYSTEM,
            "user",
            Text("How high is the tide?"),
            File("a-1", "image", "file-1", "quay.png"),
            time=epoch("1700000001.5"),
        ),
        said(THOUGHT, ASK, "assistant", Reasoning("I should compute.", "Computing"), model="gpt-5", time=epoch(1_700_000_002)),
        said(CODE, THOUGHT, "assistant", ToolCall("python", {"code": "print(1 > 0)"}), model="gpt-5"),
        said(RAN, CODE, "tool", ToolResult("True\n```", "python")),
        said(
            ANSWER,
            RAN,
            "assistant",
            Text("Two metres."),
            Citation("https://tides.example/x", "Tides", "2 m", 0, 3),
            model="gpt-5",
            time=epoch(1_700_000_005),
            provider_id=ANSWER_UUID,
        ),
        said(AGAIN, ASK, "assistant", Text("About two metres."), order=1, model="gpt-4o"),
    ),
    attachments=(Attachment("a-1", "file-1", "quay.png", "image/png", 12, blob="ab" * 32),),
)
SEA = Topic("t-sea", "project", "The sea", instructions="Metres only.")


def chats(written: Written) -> list[dict[str, Json]]:
    value = json.loads(written.files["openwebui-chats.json"])
    assert isinstance(value, list)
    return value


def test_open_webui_gets_one_message_for_thoughts_tools_and_answer() -> None:
    written = openwebui.write(Chosen((TALK,), topics=(SEA,)))
    (chat,) = chats(written)
    history = chat["chat"]["history"]
    assert chat["id"] == TALK.provider_id
    assert (chat["title"], chat["created_at"], chat["updated_at"]) == (TALK.head.title, 1_700_000_000, 1_700_000_100)
    assert chat["meta"] == {"tags": ["the_sea"]}
    assert history["currentId"] == ANSWER_UUID
    answer = history["messages"][ANSWER_UUID]
    assert [item["type"] for item in answer["output"]] == ["reasoning", "function_call", "function_call_output", "message"]
    assert answer["output"][1]["call_id"] == answer["output"][2]["call_id"]
    assert json.loads(answer["output"][1]["arguments"]) == {"code": "print(1 > 0)"}
    assert (answer["model"], answer["timestamp"], answer["role"]) == ("gpt-5", 1_700_000_002, "assistant")
    assert answer["sources"][0]["source"] == {"id": "https://tides.example/x", "name": "Tides", "url": "https://tides.example/x"}
    ask = history["messages"][answer["parentId"]]
    assert (ask["parentId"], ask["timestamp"], len(ask["childrenIds"])) == (None, 1_700_000_001, 2)
    assert ask["files"] == [{"type": "file", "name": "quay.png", "content_type": "image/png", "size": 12}]
    assert [message["id"] for message in chat["chat"]["messages"]] == [ask["id"], ANSWER_UUID]
    again = history["messages"][ask["childrenIds"][1]]
    assert (again["model"], again["timestamp"]) == ("gpt-4o", 1_700_000_001)
    assert again["souviens"]["time"] == "unknown"
    gone = lost(written)
    assert (gone["message"], gone["message_boundary"], gone["attachment_bytes"], gone["time_fraction"]) == (2, 3, 1, 1)
    assert written.carried["branch_point"] == 1


def test_open_webui_shows_what_its_own_parser_takes_apart() -> None:
    """Its parser is two regular expressions: `<details …>` and `<summary>` end their line, no attribute holds a ">" or a quote."""
    (chat,) = chats(openwebui.write(Chosen((TALK,))))
    content = chat["chat"]["history"]["messages"][ANSWER_UUID]["content"]
    blocks = re.findall(r"^<details(\s+[^>]*)?>\n<summary>(.*?)</summary>\n(.*?)</details>", content, re.MULTILINE | re.DOTALL)
    attributes = [dict(re.findall(r'(\w+)="(.*?)"', block[0])) for block in blocks]
    assert [found["type"] for found in attributes] == ["reasoning", "tool_calls"]
    assert html.unescape(blocks[0][2]).splitlines() == ["> Computing", "> I should compute."]
    assert json.loads(json.loads(html.unescape(attributes[1]["arguments"]))) == {"code": "print(1 > 0)"}
    assert json.loads(html.unescape(attributes[1]["result"])) == "True\n```"
    assert content.endswith("</details>\nTwo metres.")


def test_open_webui_keeps_answers_that_fork_apart() -> None:
    answers = (
        said("m-1", None, "user", Text("a")),
        said("m-2", "m-1", "assistant", Reasoning("hm"), model="x"),
        said("m-3", "m-2", "assistant", Text("b"), model="x"),
        said("m-4", "m-2", "assistant", Text("c"), model="x", order=1),
        said("m-5", "m-4", "assistant", Text("d"), model="y"),
    )
    written = openwebui.write(Chosen((Conversation("c-1", "x", None, Head("t"), answers),)))
    (chat,) = chats(written)
    nodes = chat["chat"]["history"]["messages"].values()
    assert sorted(len(node["childrenIds"]) for node in nodes) == [0, 0, 1, 1, 2]
    assert (written.carried["branch_point"], lost(written)["message_boundary"]) == (1, 0)


def test_open_webui_never_invents_a_time() -> None:
    undated = Conversation(
        "c-1", "x", None, Head("t"), (said("m-1", None, "user", Text("a")), said("m-2", "m-1", "assistant", Text("b")))
    )
    written = openwebui.write(Chosen((undated,)))
    (chat,) = chats(written)
    assert (chat["created_at"], chat["updated_at"]) == (None, None)
    assert {message["timestamp"] for message in chat["chat"]["history"]["messages"].values()} == {None}
    assert (written.carried["unknown_time"], lost(written)["unknown_time"]) == (2, 2)


@generated
@given(chosen_records())
def test_open_webui_files_hold_what_was_carried(chosen: Chosen) -> None:
    written = openwebui.write(chosen)
    found: Counter[str] = Counter()
    listed = chats(written)
    assert len({chat["id"] for chat in listed}) == len(listed)
    for chat in listed:
        uuid.UUID(chat["id"])
        found["conversation"] += 1
        nodes = chat["chat"]["history"]["messages"]
        tip = chat["chat"]["history"]["currentId"]
        assert (tip in nodes) if nodes else (tip is None)
        for id, node in nodes.items():
            assert uuid.UUID(id) and node["id"] == id and node["role"] in ("user", "assistant")
            assert all(nodes[child]["parentId"] == id for child in node["childrenIds"])
            assert node["parentId"] is None or id in nodes[node["parentId"]]["childrenIds"]
            found["message"] += len(node["souviens"]["messages"]) if "souviens" in node else 1
            found["fork"] += len(node["childrenIds"]) > 1
            found["root"] += node["parentId"] is None
            found["attachment"] += len(node.get("files", ()))
            found["citation"] += len(node.get("sources", ()))
            for item in node.get("output", ()):
                found[f"item {item['type']}"] += 1
            if node["role"] == "assistant":
                assert all(item["content"][0]["text"] in node["content"] for item in node["output"] if item["type"] == "message")
        reached = [node for node in nodes.values() if node["parentId"] is None]
        for node in reached:
            reached += [nodes[child] for child in node["childrenIds"]]
        assert len(reached) == len(nodes)  # no circles
        path = chat["chat"]["messages"]
        assert [node["parentId"] for node in path] == [None, *(node["id"] for node in path)][: len(path)]
    for kind in ("conversation", "message", "attachment", "citation"):
        assert found[kind] == written.carried.get(kind, 0), kind
    kept = [
        m for c in chosen.conversations for m in c.messages if m.visibility == "visible" and m.role not in ("system", "developer")
    ]
    for kind, type in PARTS.items():
        assert written.carried.get(kind, 0) == sum(isinstance(part, type) for m in kept for part in m.parts), kind
    assert found["fork"] <= written.carried.get("branch_point", 0) <= found["fork"] + found["root"] // 2
    spoken = [
        m
        for c in chosen.conversations
        for m in c.messages
        if m.visibility == "visible" and m.role in ("assistant", "tool", "critic")
    ]
    for kind, item in (("reasoning", "reasoning"), ("tool_call", "function_call"), ("tool_result", "function_call_output")):
        assert found[f"item {item}"] == sum(isinstance(part, PARTS[kind]) for m in spoken for part in m.parts), kind


# --- Markdown -------------------------------------------------------------------------------------------------------------


def front_matter(text: str) -> dict[str, Json]:
    """`name: JSON value` lines between the two marks: the part of YAML we write."""
    _, head, _ = text.split("---\n", 2)
    fields = [line.partition(": ") for line in head.split("\n") if line]
    assert not re.search("[\x7f-\x9f\u2028\u2029\ufeff]", head)
    return {name: json.loads(value) for name, _, value in fields}


def indented(value: Json) -> str:
    return msgspec.json.format(msgspec.json.Encoder(decimal_format="number").encode(value), indent=2).decode()


def words_of(part: Part) -> Iterable[str]:
    match part:
        case Text() | ToolResult() | Uri() | Citation():
            return (part.text,)
        case Reasoning():
            return (part.text, part.summary)
        case ToolCall():
            return (part.arguments if isinstance(part.arguments, str) else indented(part.arguments),)
        case Opaque():
            return (indented(part.value),)
        case File():
            return ()


@generated
@given(chosen_records())
def test_markdown_holds_every_word(chosen: Chosen) -> None:
    written = markdown.write(chosen)
    pages = {front_matter(text)["id"]: text for name, data in written.files.items() if (text := data.decode()).startswith("---\n")}
    for conversation in chosen.conversations:
        page = pages[conversation.id]
        head = front_matter(page)
        assert (head["title"], head["created"]) == (conversation.head.title, utc(conversation.head.created.us))
        for message in conversation.messages:
            assert all(words in page for part in message.parts for words in words_of(part))
            written_once = int(bool(message.parts) or message.visibility != "placeholder")
            assert page.count(f'<a id="{message.id}"></a>') == written_once
    for kind in PARTS:
        assert written.carried.get(kind, 0) == everything(chosen)[kind]
    for topic in chosen.topics:
        assert topic.instructions in pages[topic.id] and all(d.text in pages[topic.id] for d in topic.documents)
    memories = written.files.get("memories.md", b"").decode()
    given_out = [m for m in chosen.memories if m.status != "rejected" and m.sensitivity != 4 and m.wording.strip()]
    assert all(memory.wording in memories for memory in given_out)
    assert written.carried.get("memory", 0) == len(given_out) == memories.count('<a id="y-')


@generated
@given(chosen_records())
def test_markdown_file_names_are_safe_everywhere(chosen: Chosen) -> None:
    names = list(markdown.write(chosen).files)
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        for piece in name.split("/"):
            assert piece and len(piece) <= 80 and len(piece.encode()) <= 240
            assert not re.search(r'[<>:"\\|?*\x00-\x1f]', piece) and piece == piece.strip(" .")
            assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", piece)


def test_markdown_reads_like_a_conversation() -> None:
    memory = Memory("y-1", "fact", "Lives by the sea.", "user_stated", evidence=(Evidence(TALK.id, ASK, start=0, end=4),))
    written = markdown.write(Chosen((TALK,), (memory,), (SEA,)))
    path = "projects/The sea/2023-11-14 Tides why , and when.md"
    assert set(written.files) == {path, "projects/The sea/project.md", "index.md", "memories.md"}
    page = written.files[path].decode()
    assert front_matter(page)["models"] == ["gpt-5", "gpt-4o"]
    headings = [line for line in page.split("\n") if line.startswith("#")]
    assert headings == [
        '# Tides: "why", and <when>?',
        "## 1. System · time unknown · hidden",
        "## 2. User · 2023-11-14T22:13:21.500000Z",
        "## 3. Assistant · gpt-5 · 2023-11-14T22:13:22Z",
        "## 4. Assistant · gpt-5 · time unknown",
        "## 5. Tool · time unknown",
        "## 6. Assistant · gpt-5 · 2023-11-14T22:13:25Z",
        "# Other branches",
        "## Branch 1: from message 2",
        "### 7. Assistant · gpt-4o · time unknown",
    ]
    assert "````\nTrue\n```\n````" in page
    assert "- Source: [Tides](<https://tides.example/x>) (characters 0–3)" in page
    assert "- Attachment: quay.png (image): in the vault, SHA-256 abab" in page
    assert (
        f"](projects/The%20sea/2023-11-14%20Tides%20why%20%2C%20and%20when.md#{ASK}), characters 0–4"
        in written.files["memories.md"].decode()
    )
    assert '| 2023-11-14 | [Tides: "why", and <when>?](projects/The%20sea/' in written.files["index.md"].decode()


def test_numbers_go_out_as_they_came() -> None:
    call = said("m-1", None, "assistant", ToolCall("pay", {"z": Decimal("1.10"), "a": Decimal("1E400")}))
    chosen = Chosen((Conversation("c-1", "x", None, Head("t"), (call,)),))
    assert any(b'"z": 1.10,\n  "a": 1E+400\n}' in data for data in markdown.write(chosen).files.values())
    (chat,) = chats(openwebui.write(chosen))
    (message,) = chat["chat"]["history"]["messages"].values()
    assert message["output"][0]["arguments"] == '{"z":1.10,"a":1E+400}'


def test_an_open_code_block_does_not_swallow_the_next_message() -> None:
    first = said("m-1", None, "assistant", Text("```py\nprint(1)"))
    talk = Conversation("c-1", "x", None, Head("t"), (first, said("m-2", "m-1", "user", Text("thanks"))))
    (page,) = (data.decode() for name, data in markdown.write(Chosen((talk,))).files.items() if name != "index.md")
    assert '```py\nprint(1)\n```\n\n<a id="m-2"></a>' in page


# --- circles, orphans -------------------------------------------------------------------------------------------------------


def test_circles_and_orphans_are_written_and_named() -> None:
    talk = Conversation(
        "c-1",
        "x",
        None,
        Head("t", tip="m-3"),
        (
            said("m-1", "m-3", "user", Text("one")),
            said("m-2", "m-1", "assistant", Text("two")),
            said("m-3", "m-2", "user", Text("three")),
            said("m-4", "m-gone", "user", Text("four")),
        ),
    )
    for writer, cut in ((openwebui, 2), (markdown, 0)):  # a page says of each message what it hangs from, be it there or not
        written = writer.write(Chosen((talk,)))
        assert (written.carried["message"], lost(written)["parent_link"]) == (4, cut)
        assert all(word in "".join(data.decode() for data in written.files.values()) for word in ("one", "two", "three", "four"))


def test_a_very_long_conversation_is_no_recursion() -> None:
    chain = tuple(said(f"m-{n}", f"m-{n - 1}" if n else None, "user", Text(str(n))) for n in range(5_000))
    for writer in (openwebui, markdown):
        assert writer.write(Chosen((Conversation("c-1", "x", None, Head("t"), chain),))).carried["message"] == 5_000


# --- text to paste ----------------------------------------------------------------------------------------------------------


def noted(kind: str, text: str, date: str = "", authority: str = "user_stated", **fields: Json) -> Memory:
    created = rfc3339(date) if date else unknown("absent")
    return Memory(make_id("y", kind, text), kind, text, authority, created=created, **fields)


def test_memories_are_pasted_as_the_import_pages_ask() -> None:
    memories = (
        noted("preference", "Prefers tables", "2025-03-02", "imported"),
        noted("preference", "No em\ndashes"),
        noted("instruction", "Answer in ```British``` English", "2025-11-02"),
        noted("fact", "Was wrong", verdicts=(Verdict("correct", unknown("x"), "Lives in Leeds"),)),
        noted("fact", "Never true", verdicts=(Verdict("reject", unknown("x")),)),
        noted("fact", "A secret", sensitivity=4),
        noted("profile", "First paragraph.\n\n" + "She sails. " * 40, "2025-01-01", "imported"),
    )
    written = memory_text.write(Chosen((TALK,), memories))
    lines = written.files["memories.txt"].decode().splitlines()
    assert lines[0] == lines[-2] == "````"
    assert lines[1:9] == [
        "## Instructions",
        "[2025-11-02] - Answer in ```British``` English",
        "## Identity",
        "[unknown] - Lives in Leeds",
        "### Profile",
        "[2025-01-01] - First paragraph.",
        "[2025-01-01] - She sails.",
        "[2025-01-01] - She sails.",
    ]
    assert lines[-5:-2] == ["## Preferences", "[2025-03-02] - Prefers tables", "[unknown] - No em dashes"]
    assert (written.carried["memory"], lost(written)["memory"], lost(written)["conversation"]) == (5, 2, 1)


@generated
@given(chosen_records())
def test_the_two_boxes_are_never_too_long(chosen: Chosen) -> None:
    written = memory_text.write(chosen)
    given_out = [m for m in chosen.memories if m.status != "rejected" and m.sensitivity != 4 and m.wording.strip()]
    told = written.carried.get("chatgpt_instruction", 0) + lost(written)["chatgpt_instruction"]
    assert told == written.carried.get("memory", 0) <= len(given_out)  # of those that say the same, one is written
    if not given_out:
        assert written.files == {}
        return
    text = written.files["chatgpt-instructions.txt"].decode()
    boxes = re.split(r"^(?:Custom instructions|More about you)\n\(.*\)\n\n", text, flags=re.MULTILINE)[1:]
    assert len(boxes) == 2
    assert all(len(box.rstrip("\n").encode("utf-16-le")) // 2 <= 1_500 for box in boxes)
    lines = written.files["memories.txt"].decode().split("\n")[1:-3]
    assert all(re.match(r"##+ \w+$|\[(\d{4}-\d\d-\d\d|unknown)\] - ", line) for line in lines)
