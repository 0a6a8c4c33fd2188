"""The exports we write in the shape of ChatGPT's and Claude's: what stands where, and what others make of it."""

from __future__ import annotations

import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from souviens.canon import epoch, make_id, rfc3339, unknown
from souviens.formats import Chosen, Written, chatgpt, claude
from souviens.port.giving import choose
from souviens.port.intake import take_in
from souviens.records import (
    Attachment,
    Citation,
    Conversation,
    Document,
    File,
    Head,
    Json,
    Memory,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    Uri,
)
from tests import golden
from tests.formats.test_writers import AGAIN, ANSWER, ASK, SEA, TALK, lost, said
from tests.port.given import new_vault


def members(written: Written) -> dict[str, Json]:
    """The files in the one zip that was written, decoded."""
    (data,) = written.files.values()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def one(*parts: Part, role: str = "assistant", **fields: Json) -> Conversation:
    """A conversation of one message."""
    return Conversation("c-1", "x", None, Head("t"), (said("m-1", None, role, *parts, **fields),))


def nodes(conversation: Conversation) -> list[Json]:
    """The messages ChatGPT's export holds of it, without the root."""
    (value,) = members(chatgpt.write(Chosen((conversation,))))["conversations.json"]
    return [node["message"] for node in value["mapping"].values() if node["message"]]


def messages(conversation: Conversation) -> list[Json]:
    """The messages Claude's export holds of it."""
    (value,) = members(claude.write(Chosen((conversation,))))["conversations.json"]
    return list(value["chat_messages"])


# --- ChatGPT ----------------------------------------------------------------------------------------------------------------


def test_a_chatgpt_export_has_the_files_of_the_first_generation() -> None:
    files = members(chatgpt.write(Chosen()))
    assert list(files) == [
        "conversations.json",
        "user.json",
        "message_feedback.json",
        "model_comparisons.json",
        "shared_conversations.json",
    ]
    assert not any(files["user.json"].values()), "nobody knows the account"
    assert files["conversations.json"] == files["message_feedback.json"] == []


def test_chatgpt_gets_one_root_children_and_the_current_node() -> None:
    (value,) = members(chatgpt.write(Chosen((TALK,))))["conversations.json"]
    mapping = value["mapping"]
    (root,) = (key for key, node in mapping.items() if node["parent"] is None)
    assert mapping[root]["message"] is None and len(mapping[root]["children"]) == 1
    for key, node in mapping.items():
        assert node["id"] == key and all(mapping[child]["parent"] == key for child in node["children"])
    assert value["current_node"] == next(m.provider_id for m in TALK.messages if m.id == ANSWER)
    assert (value["id"], value["conversation_id"], value["title"]) == (TALK.provider_id, TALK.provider_id, TALK.head.title)
    ask = next(node for node in mapping.values() if len(node["children"]) == 2)
    assert [mapping[child]["message"]["metadata"]["model_slug"] for child in ask["children"]] == ["gpt-5", "gpt-4o"]


def test_times_are_seconds_to_the_last_digit_and_unknown_ones_null() -> None:
    given = ["1700000001", "1700000001.5", "1700000001.123456", "0.000001", "-1.5"]
    for literal in given:
        (node,) = nodes(one(Text("x"), time=epoch(Decimal(literal))))
        assert Decimal(repr(node["create_time"])) == Decimal(literal) and isinstance(node["create_time"], float)
    (node,) = nodes(one(Text("x"), time=unknown("null")))
    assert node["create_time"] is None
    beginning = chatgpt.write(Chosen((one(Text("x"), time=rfc3339("1970-01-01T00:00:00Z")),)))
    assert lost(beginning)["time"] == 1, "ChatGPT's zero is no time"


def test_a_message_of_several_parts_is_a_chain_of_nodes() -> None:
    parts: list[Part] = [
        Reasoning("long", "short"),
        Reasoning("more"),
        Reasoning("", "Thought for 5s"),
        Text("I look."),
        Opaque("dial", {"content_type": "dial", "level": 3}),
        ToolCall("web.run", {"q": Decimal("1.10")}),
        ToolResult("found", "web.run"),
        ToolResult("broken", "web.run", error=True),
        Text("print(1)", "python"),
        Uri("https://a.example", "A", "a page"),
        Text("Done."),
        Citation("https://b.example", "B", "b", 0, 4),
        Opaque("odd", 7),
    ]
    found = nodes(one(*parts, model="gpt-5", time=epoch(5)))
    assert [(node["author"]["role"], node["content"]["content_type"], node["recipient"]) for node in found] == [
        ("assistant", "thoughts", "all"),
        ("assistant", "reasoning_recap", "all"),
        ("assistant", "multimodal_text", "all"),
        ("assistant", "code", "web.run"),
        ("tool", "execution_output", "all"),
        ("tool", "system_error", "all"),
        ("assistant", "code", "all"),
        ("assistant", "tether_quote", "all"),
        ("assistant", "multimodal_text", "all"),
    ]
    assert all((node["create_time"], node["metadata"]["model_slug"]) == (5.0, "gpt-5") for node in found)
    assert found[0]["content"]["thoughts"] == [{"summary": "short", "content": "long"}, {"summary": "", "content": "more"}]
    assert found[2]["content"]["parts"] == ["I look.", {"content_type": "dial", "level": 3}]
    assert found[3]["content"]["text"] == '{"q":1.10}', "numbers go out as they came"
    assert found[8]["content"]["parts"] == ["Done.", {"content_type": "odd", "value": 7}]
    assert found[8]["metadata"]["citations"][0]["metadata"]["url"] == "https://b.example"
    written = chatgpt.write(Chosen((one(*parts),)))
    assert (written.carried["message"], lost(written)["message_split"], lost(written)["role"]) == (1, 8, 1)


def test_several_beginnings_hang_from_one_root_and_placeholders_stay() -> None:
    talk = Conversation(
        "c-1",
        "chatgpt",
        None,
        Head("t"),
        (
            said("m-0", "m-gone", "user", Text("an orphan")),
            said("m-1", None, "", visibility="placeholder", provider_id="client-created-root"),
            said("m-2", "m-1", "user", Text("one")),
            said("m-3", "m-1", "user", Text("one again"), order=1),
        ),
    )
    written = chatgpt.write(Chosen((talk,)))
    (value,) = members(written)["conversations.json"]
    root = value["mapping"]["client-created-root"]
    assert (root["parent"], root["message"], len(root["children"]), len(value["mapping"])) == (None, None, 3, 4)
    gone = lost(written)
    assert (written.carried["message"], written.carried["branch_point"], gone["parent_link"], gone["beginning"]) == (4, 1, 1, 1)
    assert not gone["message"]


def test_files_are_named_where_chatgpt_names_them() -> None:
    held = (
        Attachment("a-1", "file-service://file-A", "a.png", "image/png", 3, blob="ab" * 32),
        Attachment("a-2", "b.pdf", "b.pdf", "application/pdf", 9),
    )
    link = "see sandbox:/mnt/data/plot.png"
    parts = [
        Text(link),
        File("a-3", "file", "sandbox:/mnt/data/plot.png", "plot.png"),
        File("a-1", "image", "file-service://file-A", "a.png"),
        File("a-2", "file", "b.pdf", "b.pdf"),
        File("a-1", "file", "file-A", "again"),
    ]
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "user", *parts),), held)
    written = chatgpt.write(Chosen((talk,)))
    (node,) = nodes(talk)
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-A", "size_bytes": 3}
    assert node["content"]["parts"] == [link, pointer]
    assert [entry["name"] for entry in node["metadata"]["attachments"]] == ["a.png", "b.pdf"]
    assert (written.carried["attachment"], lost(written)["attachment"], lost(written)["attachment_bytes"]) == (3, 1, 1)


def test_chatgpts_own_projects_keep_their_id() -> None:
    project = Topic("t-1", "project", provider="chatgpt", provider_id="g-p-123")
    talk = Conversation("c-1", "chatgpt", None, Head("t", project="t-1"), (said("m-1", None, "user", Text("x")),))
    written = chatgpt.write(Chosen((talk,), topics=(project, SEA)))
    (value,) = members(written)["conversations.json"]
    assert (value["conversation_template_id"], written.carried["topic"], lost(written)["topic"]) == ("g-p-123", 1, 1)


@pytest.mark.parametrize(("writer", "case"), [(chatgpt, "full"), (claude, "parts")], ids=["chatgpt", "claude"])
def test_written_for_its_own_provider_it_joins_what_is_there(writer: Json, case: str, tmp_path: Path) -> None:
    """Its own ids stay: taken in again, there is no other conversation, and no message but those that one was divided into."""

    def ids() -> dict[str, set[str]]:
        return {c.id: {m.id for m in c.messages} for c in choose(vault).conversations}

    with new_vault(tmp_path / "v") as vault:
        take_in(vault, golden.FIXTURES / writer.NAME / case)
        before = ids()
        (out := tmp_path / "out").mkdir()
        written = writer.write(choose(vault))
        for name, data in written.files.items():
            (out / name).write_bytes(data)
        take_in(vault, out)
        after = ids()
    assert after.keys() == before.keys() and all(before[id] <= after[id] for id in before)
    assert sum(len(after[id] - before[id]) for id in before) == lost(written)["message_split"]


# --- Claude -----------------------------------------------------------------------------------------------------------------

LARCH = Topic(
    "t-1",
    "project",
    "Larch",
    provider="claude",
    provider_id="b0000000-0000-4000-8000-0000000000f1",
    instructions="Be exact.",
    summary="Trees",
    documents=(Document("notes.md", "# Larch"),),
)


def noted(kind: str, text: str, **fields: Json) -> Memory:
    return Memory(make_id("y", kind, text), kind, text, "user_stated", created=rfc3339("2026-02-03T10:00:00Z"), **fields)


def test_claude_gets_blocks_parents_and_the_active_leaf() -> None:
    (value,) = members(claude.write(Chosen((TALK,), topics=(SEA,))))["conversations.json"]
    by_id = {message["uuid"]: message for message in value["chat_messages"]}
    leaf = by_id[value["current_leaf_message_uuid"]]
    assert leaf["content"][0]["citations"] == [
        {"title": "Tides", "url": "https://tides.example/x", "start_index": 0, "end_index": 3}
    ]
    assert [message["sender"] for message in value["chat_messages"]] == ["human", *["assistant"] * 5]
    first = value["chat_messages"][0]
    assert first["parent_message_uuid"] == "00000000-0000-4000-8000-000000000000"
    assert sum(message["parent_message_uuid"] == first["uuid"] for message in value["chat_messages"]) == 2
    assert (first["created_at"], first["files"][0]["file_name"]) == ("2023-11-14T22:13:21.500000Z", "quay.png")
    assert value["project"]["name"] == "The sea" and {ASK, AGAIN, ANSWER}.isdisjoint(by_id)
    kinds = [[block["type"] for block in message["content"]] for message in value["chat_messages"]]
    assert kinds == [["text"], ["thinking"], ["tool_use"], ["tool_result"], ["text"], ["text"]]


def test_unknown_times_stay_null_for_claude() -> None:
    (message,) = messages(one(Text("x"), role="user"))
    assert message["created_at"] is None and "updated_at" not in message
    (message,) = messages(one(Text("x"), updated=unknown("null")))
    assert message["updated_at"] is None


def test_pasted_words_go_back_to_their_attachment() -> None:
    parts = [
        Text("Read this."),
        File("a-1", "file", "paste.txt", "paste.txt"),
        Text("long words", extra={"attachment": "paste.txt"}),
    ]
    (message,) = messages(one(*parts, role="user"))
    assert message["text"] == "Read this." and message["files"] == []
    assert [(held["file_name"], held["extracted_content"]) for held in message["attachments"]] == [("paste.txt", "long words")]


def test_a_source_named_before_the_words_is_named_for_them() -> None:
    (message,) = messages(one(Citation("https://a.example", "A"), Text("said")))
    assert message["content"][0]["citations"] == [{"title": "A", "url": "https://a.example"}]
    assert lost(claude.write(Chosen((one(Citation("https://a.example", "A")),))))["citation"] == 1


def test_memories_and_projects_have_files_of_their_own() -> None:
    memories = (
        noted("profile", "Sails."),
        noted("profile", "Bakes."),
        noted("project", "Needles fall in autumn.", topic="t-1"),
        noted("fact", ""),
        noted("fact", "A secret", sensitivity=4),
    )
    written = claude.write(Chosen(memories=memories, topics=(LARCH,)))
    files = members(written)
    assert list(files) == ["conversations.json", "memories.json", f"projects/{LARCH.provider_id}.json"]
    (stated,) = files["memories.json"]
    assert {stated["conversations_memory"], *(f["content"] for f in stated["memory_files"])} == {"Sails.", "Bakes."}
    assert stated["project_memories"] == {LARCH.provider_id: "Needles fall in autumn."}
    assert stated["memory_files"][0]["created_at"] == "2026-02-03T10:00:00Z"
    project = files[f"projects/{LARCH.provider_id}.json"]
    assert (project["prompt_template"], project["description"], project["docs"][0]["content"]) == ("Be exact.", "Trees", "# Larch")
    assert (written.carried["memory"], lost(written)["memory"]) == (3, 2)


@pytest.mark.parametrize("writer", [chatgpt, claude], ids=lambda writer: writer.NAME)
def test_a_zip_is_the_same_whenever_it_is_written(writer: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    before = writer.write(Chosen((TALK,)))
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert writer.write(Chosen((TALK,))).files == before.files


def test_a_very_long_conversation_is_no_recursion() -> None:
    chain = tuple(said(f"m-{n}", f"m-{n - 1}" if n else None, "user", Text(str(n))) for n in range(5_000))
    for writer in (chatgpt, claude):
        assert writer.write(Chosen((Conversation("c-1", "x", None, Head("t"), chain),))).carried["message"] == 5_000


# --- others' readers --------------------------------------------------------------------------------------------------------


def judged(converter: Json, written: Written) -> list[Json]:
    """What the SDK of Portable AI Memory reads in our export."""
    conversations = members(written)["conversations.json"]
    assert converter.detect(conversations)
    (found,) = converter.convert_conversations(conversations)
    assert found.title == TALK.head.title
    return list(found.messages)


def test_the_sdk_of_portable_ai_memory_reads_our_chatgpt_export() -> None:
    sdk = pytest.importorskip("portable_ai_memory.converters.openai")
    found = judged(sdk.OpenAIConverter(), chatgpt.write(Chosen((TALK,))))
    said = {message.content.text: message for message in found if message.content.text}
    assert list(said) == ["How high is the tide?", "I should compute.", "Two metres.", "About two metres."]
    assert [call.name for message in found for call in message.tool_calls] == ["python", "python"]
    assert said["Two metres."].model == "gpt-5" and said["Two metres."].citations[0].url == "https://tides.example/x"
    assert said["About two metres."].parent_id == next(message.id for message in found if message.role == "user")


def test_the_sdk_of_portable_ai_memory_reads_our_claude_export() -> None:
    sdk = pytest.importorskip("portable_ai_memory.converters.anthropic")
    found = judged(sdk.AnthropicConverter(), claude.write(Chosen((TALK,))))
    texts = [message.content.text for message in found if message.content.text]
    assert texts == ["How high is the tide?", "I should compute.", "Two metres.", "About two metres."]
    assert [call.input for message in found for call in message.tool_calls] == [{"code": "print(1 > 0)"}]
