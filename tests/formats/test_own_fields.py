"""What a client says of a chat in its own words, on the way out: system prompts, and the fields of a client that is written for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from souviens import formats
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Written, anthropic, librechat, llamacpp, lmstudio, openai, openwebui, writers
from souviens.formats._writing import present
from souviens.jsonspan import Slice
from souviens.records import Conversation, Json
from tests import golden

SAID = {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": "q"}]}
LMSTUDIO = {"name": "n", "createdAt": 1, "pinned": True, "systemPrompt": "BE NICE", "messages": [{"versions": [SAID]}]}
TREE = {"a": {"id": "a", "parentId": None, "childrenIds": [], "role": "user", "content": "q", "rating": 1}}
OPENWEBUI = {
    "id": "c",
    "user_id": "u",
    "archived": True,
    "meta": {"tags": ["mine"]},
    "chat": {"params": {"system": "BE NICE", "seed": 7}, "tags": ["mine"], "history": {"messages": TREE, "currentId": "a"}},
}
LIBRECHAT = {
    "conversationId": "c",
    "endpoint": "ollama",
    "options": {"promptPrefix": "BE NICE", "temperature": 0.3},
    "messages": [{"messageId": "a", "parentMessageId": None, "isCreatedByUser": True, "text": "q", "tokenCount": 5}],
}
CHATS = {"lmstudio": LMSTUDIO, "openwebui": OPENWEBUI, "librechat": LIBRECHAT}


def read(name: str, value: Json) -> Conversation:
    kind = "chat" if name == "openwebui" else "conversation"
    reading = formats.reader(name).read(Slice(kind, "x.json", "", json.dumps(value).encode()), {})
    (conversation,) = reading.conversations
    return conversation


def lost(written: Written) -> Counter[str]:
    counts: Counter[str] = Counter()
    for loss in written.lost:
        counts[loss.kind] += loss.count
    return counts


@pytest.mark.parametrize("target", sorted(writers()))
@pytest.mark.parametrize("name", sorted(CHATS))
def test_in_the_records_is_carried_plus_lost_of_a_client_s_own_fields(name: str, target: str) -> None:
    chosen = Chosen((read(name, CHATS[name]),))
    written = writers()[target].write(chosen)
    gone = lost(written)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in present(chosen)} == dict(present(chosen))
    assert all(loss.count > 0 for loss in written.lost)


@pytest.mark.parametrize(
    "case", golden.fixtures("lmstudio") + golden.fixtures("openwebui") + golden.fixtures("librechat"), ids=lambda case: case.name
)
def test_the_same_of_whole_exports_written_for_their_own_client(case: Path) -> None:
    name = case.parent.name
    with open_delivery(case) as delivery:
        readings = [reading for _, reading in golden.readings(formats.reader(name), delivery)]
    chosen = Chosen(tuple({c.id: c for reading in readings for c in reading.conversations}.values()))
    written = writers()[name].write(chosen)
    gone = lost(written)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in present(chosen)} == dict(present(chosen))
    assert all(loss.count > 0 for loss in written.lost)


@pytest.mark.parametrize("target", ["lmstudio", "openwebui", "librechat", "llamacpp", "openai", "anthropic", "hf"])
@pytest.mark.parametrize("name", sorted(CHATS))
def test_a_system_prompt_is_written(name: str, target: str) -> None:
    files = writers()[target].write(Chosen((read(name, CHATS[name]),))).files
    assert b"BE NICE" in b"".join(files.values())


def test_a_system_prompt_comes_back_as_what_it_is() -> None:
    written = lmstudio.write(Chosen((read("openwebui", OPENWEBUI),))).files
    assert [json.loads(data)["systemPrompt"] for data in written.values()] == ["BE NICE"]
    (chat,) = json.loads(llamacpp.write(Chosen((read("lmstudio", LMSTUDIO),))).files["llamacpp-conversations.json"])
    root, prompt, asked = chat["messages"]
    assert (prompt["role"], prompt["content"], prompt["parent"], asked["parent"]) == ("system", "BE NICE", root["id"], prompt["id"])


def test_a_client_gets_its_own_fields_back() -> None:
    (row,) = json.loads(openwebui.write(Chosen((read("openwebui", OPENWEBUI),))).files["openwebui-chats.json"])
    assert (row["chat"]["params"], row["chat"]["tags"], row["meta"]) == (OPENWEBUI["chat"]["params"], ["mine"], {"tags": ["mine"]})
    assert row["archived"] is True and row["chat"]["history"]["messages"][row["chat"]["history"]["currentId"]]["rating"] == 1
    (data,) = lmstudio.write(Chosen((read("lmstudio", LMSTUDIO),))).files.values()
    assert json.loads(data)["pinned"] is True
    (data,) = librechat.write(Chosen((read("librechat", LIBRECHAT),))).files.values()
    chat = json.loads(data)
    assert (chat["endpoint"], chat["options"]["temperature"], chat["messages"][0]["tokenCount"]) == ("ollama", 0.3, 5)


@pytest.mark.parametrize("target", ["openwebui", "librechat", "lmstudio"])
def test_words_of_a_tool_that_become_an_answer_s_are_named(target: str) -> None:
    tree = {**TREE, "t": {"id": "t", "parentId": "a", "role": "tool", "content": "TOOL SAID THIS"}}
    written = writers()[target].write(Chosen((read("openwebui", {"id": "c", "chat": {"history": {"messages": tree}}}),)))
    assert lost(written)["role"] == 1


def test_anthropic_takes_no_instructions_without_a_message() -> None:
    alone = {"a": {"id": "a", "parentId": None, "role": "system", "content": "ONLY SYSTEM"}}
    written = anthropic.write(Chosen((read("openwebui", {"id": "c", "chat": {"history": {"messages": alone}}}),)))
    assert (written.files, lost(written)["text"], lost(written)["message"], lost(written)["conversation"]) == ({}, 1, 1, 1)


def test_openai_gets_arguments_in_json() -> None:
    items = [
        {"type": "open_webui:code_interpreter", "call_id": "c1", "code": "print(1)"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "1"}]},
    ]
    tree = {**TREE, "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "", "output": items}}
    written = openai.write(Chosen((read("openwebui", {"id": "c", "chat": {"history": {"messages": tree}}}),)))
    (call,) = json.loads(written.files["openai-messages.jsonl"])["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"input": "print(1)"}
    assert lost(written)["argument_form"] == 1
