"""Message lists: what OpenAI's and Anthropic's APIs, chat templates and ShareGPT's readers demand holds for any conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from souviens.delivery import open_delivery
from souviens.formats import Chosen, Written, anthropic, hf, messages, openai, sharegpt
from souviens.port.checking import rebuild, verify
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import (
    Citation,
    Conversation,
    File,
    Head,
    Json,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Uri,
)
from souviens.vault import Vault
from tests import golden
from tests.formats.test_writers import TALK, lost, said
from tests.strategies import chosen as chosen_records

generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def lines(written: Written) -> list[Json]:
    return [json.loads(line) for data in written.files.values() for line in data.splitlines()]


def chain(*turns: tuple[str, list[Part]]) -> Conversation:
    """A conversation without branches."""
    messages = tuple(said(f"m-{n}", f"m-{n - 1}" if n else None, role, *parts) for n, (role, parts) in enumerate(turns))
    return Conversation("c-1", "x", None, Head("t"), messages)


CALL = ToolCall("browser.search", {"query": "tide"}, "call_9")
RESULT = ToolResult("2 m", "browser.search", "call_9")


# --- OpenAI -----------------------------------------------------------------------------------------------------------------


def check_openai(line: Json) -> None:
    waiting: list[str] = []
    for message in line["messages"]:
        role = message["role"]
        assert role in ("system", "developer", "user", "assistant", "tool")
        if role == "tool":
            assert isinstance(message["content"], str)
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting, "a call that is not answered before the next message"
        assert message["content"] or message.get("tool_calls")
        for call in message.get("tool_calls", ()):
            assert role == "assistant" and _NAME.fullmatch(call["function"]["name"]) and _NAME.fullmatch(call["id"])
            assert isinstance(call["function"]["arguments"], str)
            waiting.append(call["id"])
        assert len(waiting) == len(set(waiting))
    assert not waiting


@generated
@given(chosen_records())
def test_what_openai_takes(chosen: Chosen) -> None:
    for line in lines(openai.write(chosen)):
        check_openai(line)


def test_openai_gets_the_active_path_with_calls_in_pairs() -> None:
    written = openai.write(Chosen((TALK,)))
    (line,) = lines(written)
    call = {"id": "call_0", "type": "function", "function": {"name": "python", "arguments": '{"code":"print(1 > 0)"}'}}
    assert line["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How high is the tide?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": "True\n```"},
        {"role": "assistant", "content": "Two metres."},
    ]
    gone = lost(written)
    assert (written.carried["message"], gone["message"], gone["reasoning"], gone["citation"], gone["attachment"]) == (5, 3, 1, 1, 1)
    assert gone["branch_point"] == 1


def test_a_picture_with_an_address_goes_to_openai_and_anthropic() -> None:
    talk = chain(("user", [Text("What is it?"), File("a-1", "image", "https://pictures.example/x.png")]))
    (line,) = lines(openai.write(Chosen((talk,))))
    assert line["messages"][0]["content"][1] == {"type": "image_url", "image_url": {"url": "https://pictures.example/x.png"}}
    (line,) = lines(anthropic.write(Chosen((talk,))))
    assert line["messages"][0]["content"][1]["source"] == {"type": "url", "url": "https://pictures.example/x.png"}


def test_calls_of_several_messages_are_answered_together() -> None:
    other = ToolCall("clock", None)
    talk = chain(
        ("user", [Text("When?")]),
        ("assistant", [CALL]),
        ("assistant", [other]),
        ("tool", [ToolResult("noon", "clock")]),
        ("tool", [RESULT]),
        ("assistant", [Text("At noon.")]),
    )
    (line,) = lines(written := openai.write(Chosen((talk,))))
    check_openai(line)
    assert [call["function"]["name"] for call in line["messages"][1]["tool_calls"]] == ["browser_search", "clock"]
    assert [message.get("tool_call_id") for message in line["messages"][2:4]] == ["call_0", "call_9"]
    assert (lost(written)["message_boundary"], lost(written)["tool_name"], written.carried["message"]) == (1, 1, 6)


@pytest.mark.parametrize("writer", [openai, anthropic, hf, sharegpt], ids=lambda writer: writer.NAME)
def test_a_call_without_a_result_and_a_result_without_a_call_are_named_as_lost(writer: Json) -> None:
    talk = chain(("user", [Text("When?")]), ("assistant", [CALL, Text("Soon.")]), ("user", [Text("And?")]), ("tool", [RESULT]))
    written = writer.write(Chosen((talk,)))
    assert (lost(written)["tool_call"], lost(written)["tool_result"]) == (1, 1)
    assert "Soon." in json.dumps(lines(written)) and "tide" not in json.dumps(lines(written))


# --- Anthropic --------------------------------------------------------------------------------------------------------------


def check_anthropic(line: Json) -> None:
    assert set(line) <= {"system", "messages"}
    for block in line.get("system", ()):
        assert block["type"] == "text" and block["text"].strip()
    calls: list[str] = []
    before = ""
    for message in line["messages"]:
        assert message["role"] in ("user", "assistant") and message["role"] != before and message["content"]
        before = message["role"]
        kinds = [block["type"] for block in message["content"]]
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        assert kinds[: len(results)] == ["tool_result"] * len(results) and sorted(results) == sorted(calls)
        calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert kinds[len(kinds) - len(calls) :] == ["tool_use"] * len(calls)
        for block in message["content"]:
            assert block["type"] != "text" or block["text"].strip()
            assert block["type"] != "tool_use" or (isinstance(block["input"], dict) and _NAME.fullmatch(block["name"]))
            assert block["type"] != "thinking" or block["signature"]
    assert not calls


@generated
@given(chosen_records())
def test_what_anthropic_takes(chosen: Chosen) -> None:
    for line in lines(anthropic.write(chosen)):
        check_anthropic(line)


def test_anthropic_gets_signed_thoughts_and_instructions_apart() -> None:
    talk = chain(
        ("user", [Text("When?")]),
        ("developer", [Text("Be brief.")]),
        ("assistant", [Reasoning("Tides …", extra={"signature": "sig"}), Reasoning("unsigned"), CALL, Text("I look.")]),
        ("tool", [ToolResult("no", "browser.search", "call_9", error=True)]),
        ("user", [Text("Go on.")]),
    )
    written = anthropic.write(Chosen((talk,)))
    (line,) = lines(written)
    check_anthropic(line)
    assert line["system"] == [{"type": "text", "text": "Be brief."}]
    assert line["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Tides …", "signature": "sig"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "call_9", "name": "browser_search", "input": {"query": "tide"}},
    ]
    assert line["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "call_9", "content": "no", "is_error": True},
        {"type": "text", "text": "Go on."},
    ]
    assert (lost(written)["reasoning"], lost(written)["position"], lost(written)["role"]) == (1, 2, 1)


def test_arguments_that_are_no_object_are_put_into_one() -> None:
    shapes: list[tuple[Json, Json]] = [
        ('{"a": 1}', {"a": 1}),
        ("print(1)", {"input": "print(1)"}),
        ([1], {"input": [1]}),
        (None, {}),
        ("", {}),
    ]
    for arguments, wants in shapes:
        talk = chain(
            ("user", [Text("?")]),
            ("assistant", [ToolCall("t", arguments)]),
            ("tool", [ToolResult("!")]),
            ("assistant", [Text("so")]),
        )
        (line,) = lines(anthropic.write(Chosen((talk,))))
        assert line["messages"][1]["content"][0]["input"] == wants
        (line,) = lines(hf.write(Chosen((talk,))))
        assert line["messages"][1]["tool_calls"][0]["function"]["arguments"] == wants


# --- Hugging Face -----------------------------------------------------------------------------------------------------------

# Shaped after the templates of Mistral (strict turns) and Qwen (thoughts, tools); written for this test.
STRICT = """
{%- set rest = messages[1:] if messages and messages[0].role == "system" else messages %}
{%- set turns = namespace(n=0) %}
{%- for message in rest %}
{%- if message.role not in ("user", "assistant", "tool") %}{{ raise_exception("role " + message.role) }}{% endif %}
{%- if message.role != "tool" and not message.tool_calls %}
{%- if (message.role == "user") != (turns.n % 2 == 0) %}{{ raise_exception("no turns") }}{% endif %}
{%- set turns.n = turns.n + 1 %}
{%- endif %}
{%- endfor %}
{%- for message in messages %}
{{- "<|" + message.role + "|>" }}
{%- if message.reasoning_content is string %}{{ "<think>" + message.reasoning_content + "</think>" }}{% endif %}
{{- message.content + "" }}
{%- for call in message.tool_calls or [] %}
{{- "<call>" + call.function.name }}{{- call.function.arguments | tojson }}{{- "</call>" }}
{%- endfor %}
{{- "<|end|>" }}
{%- endfor %}
"""


def rendered() -> Callable[[list[Json]], str]:
    """What a template makes of a list of messages; it raises as templates do."""
    jinja2 = pytest.importorskip("jinja2")
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(reason: str) -> None:
        raise jinja2.exceptions.TemplateError(reason)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.ChainableUndefined)
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(STRICT)
    return lambda messages: str(template.render(messages=messages))


def check_turns(messages: list[Json]) -> None:
    roles = [message["role"] for message in messages]
    assert "system" not in roles[1:]
    spoken = [message["role"] for message in messages if message["role"] in ("user", "assistant") and not message.get("tool_calls")]
    assert spoken == ["user", "assistant"] * (len(spoken) // 2) + ["user"] * (len(spoken) % 2)
    assert all(isinstance(message["content"], str) for message in messages)


@generated
@given(chosen_records())
def test_what_chat_templates_take(chosen: Chosen) -> None:
    for line in lines(hf.write(chosen)):
        check_turns(line["messages"])


def test_a_strict_chat_template_renders_it() -> None:
    render = rendered()
    (line,) = lines(hf.write(Chosen((TALK,))))
    assert render(line["messages"]) == (
        "<|system|>Be brief.<|end|><|user|>How high is the tide?<|end|>"
        '<|assistant|><think>I should compute.</think><call>python{"code": "print(1 \\u003e 0)"}</call><|end|>'
        "<|tool|>True\n```<|end|><|assistant|>Two metres.<|end|>"
    )


@generated
@given(chosen_records())
def test_a_strict_chat_template_renders_any_conversation(chosen: Chosen) -> None:
    render = rendered()
    for line in lines(hf.write(chosen)):
        assert render(line["messages"])


def test_neighbours_are_merged_and_a_greeting_is_named_as_lost() -> None:
    talk = chain(
        ("assistant", [Text("Hello!")]),
        ("user", [Text("One."), Uri("https://a.example", "A")]),
        ("user", [Text("x = 1", language="python")]),
        ("assistant", [Text("Two."), Opaque("odd", 1), Citation("u", "t")]),
        ("critic", [Text("Three.")]),
    )
    written = hf.write(Chosen((talk,)))
    (line,) = lines(written)
    assert line["messages"] == [
        {"role": "user", "content": "One.\n\n[A](<https://a.example>)\n\n```python\nx = 1\n```"},
        {"role": "assistant", "content": "Two.\n\nThree."},
    ]
    gone = lost(written)
    assert (gone["message_boundary"], gone["text"], gone["message"], gone["role"]) == (2, 1, 1, 1)
    assert (written.carried["message"], written.carried["text"], written.carried["link"]) == (4, 4, 1)


# --- ShareGPT ---------------------------------------------------------------------------------------------------------------


def check_sharegpt(line: Json) -> None:
    """As LLaMA-Factory's converter and formatter look at it."""
    turns = line["conversations"]
    assert turns and len(turns) % 2 == 0
    for place, turn in enumerate(turns):
        assert turn["from"] in (("human", "observation"), ("gpt", "function_call"))[place % 2]
        assert isinstance(turn["value"], str)
        if turn["from"] == "function_call":
            calls = json.loads(re.sub(r"^<think>.*?</think>", "", turn["value"], flags=re.DOTALL))
            for call in calls if isinstance(calls, list) else [calls]:
                assert isinstance(call["name"], str) and isinstance(call["arguments"], dict)
            assert turns[place + 1]["from"] == "observation"
    assert turns[0]["from"] == "human"


@generated
@given(chosen_records())
def test_what_sharegpt_readers_take(chosen: Chosen) -> None:
    for line in lines(sharegpt.write(chosen)):
        check_sharegpt(line)


def test_sharegpt_keeps_thoughts_and_calls() -> None:
    (line,) = lines(sharegpt.write(Chosen((TALK,))))
    assert line == {
        "system": "Be brief.",
        "conversations": [
            {"from": "human", "value": "How high is the tide?"},
            {
                "from": "function_call",
                "value": '<think>\nI should compute.\n</think>\n\n{"name":"python","arguments":{"code":"print(1 > 0)"}}',
            },
            {"from": "observation", "value": "True\n```"},
            {"from": "gpt", "value": "Two metres."},
        ],
    }


def test_a_question_without_an_answer_is_named_as_lost() -> None:
    talk = chain(("user", [Text("One?")]), ("assistant", [Text("Yes.")]), ("user", [Text("Two?")]))
    written = sharegpt.write(Chosen((talk, chain(("system", [Text("Only this.")])))))
    assert [len(line["conversations"]) for line in lines(written)] == [2]
    assert (lost(written)["text"], lost(written)["conversation"], lost(written)["message"]) == (2, 1, 2)


# --- all of them ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", [openai, anthropic, hf, sharegpt], ids=lambda writer: writer.NAME)
def test_the_active_path_is_what_is_written(writer: Json) -> None:
    messages = (
        said("m-0", None, "system", visibility="placeholder"),
        said("m-1", "m-0", "user", Text("Kept, though no person saw it."), visibility="hidden"),
        said("m-2", "m-1", "assistant", Text("Yes.")),
        said("m-3", "m-1", "assistant", Text("No."), order=1),
    )
    talk = Conversation("c-1", "x", None, Head("t", tip="m-2"), messages)
    text = json.dumps(lines(written := writer.write(Chosen((talk,)))))
    assert lost(written)["title"] == 1
    assert "Kept" in text and "Yes." in text and "No." not in text
    assert {loss.reason for loss in written.lost if loss.kind == "message"} == {
        "a node without a message",
        "another branch: only the active path is written",
    }


@pytest.mark.parametrize("writer", [openai, anthropic, hf, sharegpt], ids=lambda writer: writer.NAME)
def test_nothing_to_say_gives_no_file(writer: Json) -> None:
    written = writer.write(Chosen((Conversation("c-1", "x", None, Head("t")),)))
    assert written.files == {} and lost(written)["conversation"] == 1


# --- read back --------------------------------------------------------------------------------------------------------------

HERE = Path(__file__).parent / "messages"


def read(path: Path) -> list[Conversation]:
    with open_delivery(path) as delivery:
        return [c for _, reading in golden.readings(messages, delivery) for c in reading.conversations]


def test_results_in_a_persons_message_are_messages_of_their_own(vault: Vault) -> None:
    garden = read(HERE / "anthropic.jsonl")[0]
    assert [message.role for message in garden.messages] == ["system", "user", "assistant", "tool", "tool", "user", "assistant"]
    take_in(vault, HERE / "anthropic.jsonl")
    asked = next(message for message in garden.messages if message.parts[0] == Text("And the figs?"))
    erase(vault, [asked.id])
    kept = vault.store.get("conversation", garden.id)
    assert kept is not None
    assert {m.id for m in kept[1].messages} == {m.id for m in garden.messages} - {asked.id}
    assert verify(vault).ok


def test_the_same_words_said_twice_are_two_messages_that_can_be_erased_one_by_one(vault: Vault) -> None:
    take_in(vault, HERE / "list.json")
    (bread,) = read(HERE / "list.json")
    first, second = (message.id for message in bread.messages if message.parts == (Text("How long?"),))
    erase(vault, [first])
    rebuild(vault, records=True)
    kept = vault.store.get("conversation", bread.id)
    assert kept is not None
    assert [m.id for m in kept[1].messages if m.parts == (Text("How long?"),)] == [second]


def test_a_list_beside_other_files_is_an_attachment_and_claims_nothing(tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_bytes((HERE / "list.json").read_bytes())
    (tmp_path / "notes.json").write_text('{"a": 1}', encoding="utf-8")
    with open_delivery(tmp_path) as delivery:
        assert messages.identify(delivery) is None


def test_thoughts_and_calls_are_taken_out_of_the_words_of_sharegpt() -> None:
    pier, back = read(HERE / "sharegpt.jsonl")
    thought, call = pier.messages[2].parts
    assert (thought, call) == (Reasoning("The pier knows."), ToolCall("pier", {"line": 4}))
    assert [part.name for part in back.messages[1].parts if isinstance(part, ToolCall)] == ["pier", "tide"]
    assert pier.messages[4].parts[1] == Text("By ten minutes.")


# --- what is told apart -----------------------------------------------------------------------------------------------


def lines_of(path: Path, *talks: tuple[str, str]) -> Path:
    rows = [{"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]} for a, b in talks]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_lists_of_one_layout_are_two_and_come_back_as_they_are(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, lines_of(tmp_path / "a.jsonl", ("cats", "purr"), ("dogs", "woof")))
    assert (receipt.new.conversations, receipt.new.messages) == (2, 4)
    again = take_in(vault, lines_of(tmp_path / "b.jsonl", ("cows", "mooo"), ("dogs", "woof"), ("cats", "purr")))
    assert (again.new.conversations, again.unchanged.conversations, again.new.messages) == (1, 2, 2)


def test_a_list_that_stands_twice_is_kept_once_and_said_to(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, lines_of(tmp_path / "a.jsonl", ("cats", "purr"), ("dogs", "woof"), ("cats", "purr")))
    assert receipt.new.conversations == 2
    assert [(p.kind, p.where) for p in receipt.refused] == [("conversation", ":3")]
    assert give_back(vault, receipt.id, tmp_path / "back").identical


def test_what_was_erased_does_not_come_back_by_its_second_copy(vault: Vault, tmp_path: Path) -> None:
    path = lines_of(tmp_path / "a.jsonl", ("cats", "purr"), ("cats", "purr"))
    take_in(vault, path)
    ((_, _, id),) = vault.store.live()
    erase(vault, [id])
    receipt = take_in(vault, lines_of(tmp_path / "b.jsonl", ("dogs", "woof"), ("cats", "purr"), ("cats", "purr")))
    assert receipt.new.conversations == 1
    assert not any(b"purr" in vault.store.slice(slice)[0] for slice in vault.store.slices())


def test_an_erasure_leaves_the_id_of_a_list(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, lines_of(tmp_path / "a.jsonl", ("cats", "purr"), ("dogs", "woof")))
    ids = {id for _, _, id in vault.store.live()}
    with open_delivery(tmp_path / "a.jsonl") as delivery:
        message = next(golden.readings(messages, delivery))[1].conversations[0].messages[0]
    erase(vault, [message.id])
    assert {id for _, _, id in vault.store.live()} == ids
