"""AI Studio's prompts: thoughts apart from answers, code as calls, nothing said twice, branches that stay apart and say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import aistudio
from souviens.jsonspan import Slice, load
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.records import Conversation, File, Json, Message, Opaque, Reasoning, Text, ToolCall, ToolResult, Uri, spoken
from souviens.vault import Vault
from tests.golden import FIXTURES, readings

FOLDER = FIXTURES / "aistudio" / "folder"


def conversation(*chunks: Json, **fields: Json) -> Conversation:
    value = {"chunkedPrompt": {"chunks": list(chunks)}, **fields}
    (found,) = aistudio.read(load(Slice("prompt", "Prompt", "", json.dumps(value).encode())), {}).conversations
    return found


def message(**chunk: Json) -> Message:
    return conversation({"role": "model", **chunk}).messages[0]


def test_a_document_without_an_extension_is_a_prompt() -> None:
    with open_delivery(FOLDER) as delivery:
        assert aistudio.identify(delivery) == "prompts"
        assert aistudio.plan(delivery) == {"Bees": "cut", "Branch of Bees": "cut"}


@pytest.mark.parametrize("value", [{"chunks": []}, {"chunkedPrompt": []}, [{"chunkedPrompt": {"chunks": []}}], {"runSettings": {}}])
def test_what_only_looks_like_one_is_refused(tmp_path: Path, value: Json) -> None:
    path = tmp_path / "x"
    path.write_text(json.dumps(value))
    with open_delivery(path) as delivery:
        assert aistudio.identify(delivery) is None


def test_thoughts_are_reasoning_and_not_part_of_the_answer() -> None:
    found = message(text="hm", isThought=True)
    assert found.parts == (Reasoning("hm"),) and found.role == "assistant"


def test_parts_that_repeat_the_text_are_kept_beside_it() -> None:
    parts = [{"text": "one ", "thoughtSignature": "c2ln"}, {"text": "two"}]
    found = message(text="one two", parts=parts)
    assert found.parts == (Text("one two"),)
    assert found.extra["parts"] == parts


def test_parts_without_a_text_are_the_message() -> None:
    found = message(parts=[{"text": "hm", "thought": True}, {"text": "yes"}])
    assert found.parts == (Reasoning("hm", extra={"thought": True}), Text("yes"))


def test_code_and_its_results_are_calls_and_results() -> None:
    found = message(
        executableCode={"language": "PYTHON", "code": "1/0"}, codeExecutionResult={"outcome": "OUTCOME_FAILED", "output": "no"}
    )
    call, result = found.parts
    assert isinstance(call, ToolCall) and call.arguments == {"language": "PYTHON", "code": "1/0"}
    assert isinstance(result, ToolResult) and (result.text, result.error) == ("no", True)


def test_an_error_is_no_words_of_the_model() -> None:
    found = message(errorMessage="An internal error has occurred.")
    assert found.parts == (Opaque("errorMessage", "An internal error has occurred."),)
    assert spoken(found) == ""


def test_a_system_instruction_is_the_first_message_and_an_empty_one_is_none() -> None:
    assert [m.role for m in conversation({"role": "user", "text": "x"}, systemInstruction={"text": "be brief"}).messages] == [
        "system",
        "user",
    ]
    assert [m.role for m in conversation({"role": "user", "text": "x"}, systemInstruction={}).messages] == ["user"]


def test_files_in_drive_are_missing_and_say_where_they_are() -> None:
    found = conversation({"role": "user", "driveImage": {"id": "1abc"}})
    (part,) = found.messages[0].parts
    assert isinstance(part, File) and (part.media, part.pointer) == ("image", "1abc")
    assert "Google Drive" in found.attachments[0].missing


def test_inline_bytes_stay_in_the_message_under_their_hash() -> None:
    first, second = conversation(
        *[{"role": "user", "inlineFile": {"mimeType": "image/png", "data": d}} for d in ("YQ==", "Yg==")]
    ).messages
    assert isinstance(first.parts[0], File) and isinstance(second.parts[0], File)
    assert first.parts[0].media == "image" and first.parts[0].pointer != second.parts[0].pointer
    assert first.parts[0].extra == {"inlineFile": {"mimeType": "image/png", "data": "YQ=="}}


def test_a_video_is_a_link() -> None:
    (part,) = message(youtubeVideo={"id": "abc"}).parts
    assert isinstance(part, Uri) and part.uri.endswith("watch?v=abc")


def test_the_model_of_the_settings_is_the_conversations() -> None:
    found = conversation(runSettings={"model": "models/gemini-2.5-pro", "topK": 64})
    assert found.head.model == "models/gemini-2.5-pro"
    assert found.head.extra["runSettings"] == {"topK": 64}


def test_branches_are_conversations_of_their_own_and_name_each_other(vault: Vault) -> None:
    take_in(vault, FOLDER)
    with open_delivery(FOLDER) as delivery:
        bees, branch = [r.conversations[0] for _, r in readings(aistudio, delivery)]
    assert bees.id != branch.id
    assert branch.messages[0].extra["branchParent"] == {"promptId": "prompts/1pArEnT", "displayName": "Bees"}
    assert any("branchChildren" in m.extra for m in bees.messages)


def test_unsent_input_is_kept_and_is_no_message() -> None:
    found = conversation({"role": "user", "text": "x"}, pendingInputs=[{"role": "user", "text": "half a ques"}])
    assert len(found.messages) == 1 and found.head.extra["pendingInputs"] == [{"role": "user", "text": "half a ques"}]


def test_two_prompts_without_a_name_are_two_conversations() -> None:
    assert conversation({"role": "user", "text": "one"}).id != conversation({"role": "user", "text": "two!"}).id


def prompt(*texts: str, **fields: Json) -> Json:
    chunks = [{"text": text, "role": ("user", "model")[place % 2]} for place, text in enumerate(texts)]
    return {"runSettings": {"model": "m"}, "chunkedPrompt": {"chunks": chunks}, **fields}


def folder_of(path: Path, **documents: Json) -> Path:
    path.mkdir(exist_ok=True)
    for name, value in documents.items():
        (path / name).write_text(json.dumps(value))
    return path


def test_prompts_of_one_layout_are_two_and_an_erasure_leaves_their_ids(vault: Vault, tmp_path: Path) -> None:
    documents = {"One": prompt("Tell me of cats", "Sure."), "Two": prompt("Tell me of dogs", "Sure.")}
    receipt = take_in(vault, folder_of(tmp_path / "a", **documents))
    assert (receipt.new.conversations, receipt.new.messages) == (2, 4)
    ids = {id for _, _, id in vault.store.live()}
    with open_delivery(tmp_path / "a") as delivery:
        first = next(r.conversations[0] for _, r in readings(aistudio, delivery))
    erase(vault, [first.messages[0].id])
    assert {id for _, _, id in vault.store.live()} == ids
    again = take_in(vault, folder_of(tmp_path / "b", Other=documents["Two"], More=prompt("x")))
    assert (again.unchanged.conversations, again.unchanged.messages, again.new.conversations) == (1, 2, 1)


def test_settings_and_branches_that_come_later_make_no_other_prompt() -> None:
    old, new = {"role": "user", "text": "x"}, {"role": "user", "text": "x", "branchChildren": [{"promptId": "p"}]}
    assert conversation(old).id == conversation(new, runSettings={"model": "another"}).id


def test_a_prompt_of_an_older_kind_is_named(vault: Vault, tmp_path: Path) -> None:
    older = {f"{kind}": {"runSettings": {"model": "m"}, kind: {"x": "OLD"}} for kind in ("textPrompt", "freeformPrompt")}
    receipt = take_in(vault, folder_of(tmp_path / "a", Chat=prompt("hello"), **older))
    assert receipt.new.conversations == 1
    assert [(p.path, "(" + p.path + ")" in p.reason) for p in receipt.refused] == [("freeformPrompt", True), ("textPrompt", True)]


def test_a_number_is_an_id_as_well(tmp_path: Path) -> None:
    assert conversation(id=12).provider_id == "12" and conversation(id=12).id == conversation(id="12").id
