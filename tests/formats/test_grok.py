"""The xAI account export: both layouts of responses, its graph, its asset store, and what lies beside the conversations."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from souviens.delivery import open_delivery
from souviens.formats import grok
from souviens.jsonspan import Glue, Slice, cut_members
from souviens.port.holes import blanked, spans_of
from souviens.port.intake import take_in
from souviens.records import (
    Citation,
    Conversation,
    File,
    Message,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    Topic,
    active_path,
    branch_points,
)
from souviens.vault import Vault
from tests import golden
from tests.port.given import records

HERE = Path(__file__).parent / "grok"
ACCOUNT = HERE / "account"


def readings(path: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(path) as delivery:
        return list(golden.readings(grok, delivery))


def conversations(path: Path) -> list[Conversation]:
    return [conversation for _, reading in readings(path) for conversation in reading.conversations]


def named(conversation: Conversation) -> dict[str, Message]:
    return {message.provider_id or "": message for message in conversation.messages}


def written(folder: Path, value: Any) -> Path:
    path = folder / "conversations.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def one(response: dict[str, Any], **head: Any) -> dict[str, Any]:
    return {"conversations": [{"conversation": {"id": "c1", **head}, "responses": [{"response": response, "share_link": None}]}]}


# --- what it is -------------------------------------------------------------------------------------------------------

STRANGERS = {
    "perplexity": {"conversations": [{"context_uuid": "a", "context_title": "t", "entries": [{"entry_uuid": "b", "query": "q"}]}]},
    "perplexity_extension": {"metadata": {"thread_id": "t"}, "conversations": [{"uuid": "a", "query": "q", "answer": "a"}]},
    "old_chatgpt": {"conversations": [{"title": "t", "mapping": {"a": {"message": None}}, "current_node": "a"}]},
    "messages": {"conversations": [{"conversation": "text", "messages": []}]},
    "nothing": {"conversations": []},
    "logins": {"user": {"email": "a@b.example"}, "sessions": []},
}


@pytest.mark.parametrize("name", STRANGERS)
def test_grok_others_that_have_conversations_are_refused(tmp_path: Path, name: str) -> None:
    with open_delivery(written(tmp_path, STRANGERS[name])) as delivery:
        assert grok.identify(delivery) is None


def test_grok_an_account_without_a_conversation_is_still_one(tmp_path: Path) -> None:
    value = {"conversations": [], "projects": [], "tasks": [], "media_posts": [{"id": "p", "original_prompt": "a boat"}]}
    assert [c.messages[0].parts for c in conversations(written(tmp_path, value))] == [(Text("a boat"),)]


def test_grok_a_zip_and_a_folder_read_the_same(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for path in sorted(ACCOUNT.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(ACCOUNT).as_posix())
    assert conversations(tmp_path / "export.zip") == conversations(ACCOUNT)


def test_grok_a_first_conversation_longer_than_a_look_is_recognised(tmp_path: Path) -> None:
    value = one({"_id": "r", "sender": "human", "message": "words " * 40_000})
    assert len(conversations(written(tmp_path, value))) == 1


# --- the traps of the export ------------------------------------------------------------------------------------------


def test_grok_wrapped_and_flat_responses_are_read_alike(tmp_path: Path) -> None:
    response = {"_id": "r", "sender": "human", "message": "Hello", "create_time": "2026-01-01T00:00:00Z"}
    wrapped = {"conversation": {"id": "c"}, "responses": [{"response": response}]}
    flat = {"conversation": {"id": "c"}, "responses": [response]}
    first, second = conversations(written(tmp_path, [wrapped, flat]))
    assert first.messages == second.messages


def test_grok_ids_are_under_id_or_response_id(tmp_path: Path) -> None:
    old, new = (conversations(written(tmp_path, one({key: "r", "sender": "human"})))[0] for key in ("response_id", "_id"))
    assert old.messages[0].id == new.messages[0].id
    assert old.messages[0].provider_id == "r"


@pytest.mark.parametrize(
    ("given", "us", "zone"),
    [
        ("2026-03-02T06:40:11.120Z", 1772433611120000, "offset"),
        ({"$date": {"$numberLong": "1772433611120"}}, 1772433611120000, "epoch"),
        ({"$date": "2026-03-02T06:40:11.120Z"}, 1772433611120000, "offset"),
        ({"$date": 1772433611120}, 1772433611120000, "epoch"),
        (1772433611, 1772433611000000, "epoch"),
    ],
)
def test_grok_times_are_iso_or_mongo(tmp_path: Path, given: Any, us: int, zone: str) -> None:
    conversation = conversations(written(tmp_path, one({"_id": "r", "sender": "human", "create_time": given}, create_time=given)))[
        0
    ]
    for time in (conversation.messages[0].time, conversation.head.created):
        assert (time.us, time.zone) == (us, zone)


def test_grok_a_time_in_another_shape_is_unknown_and_kept(tmp_path: Path) -> None:
    odd = {"$date": {"$numberLong": "1"}, "zone": "Mars"}
    message = conversations(written(tmp_path, one({"_id": "r", "sender": "human", "create_time": odd})))[0].messages[0]
    assert message.time.us is None
    assert message.extra["response"]["create_time"] == odd


def test_grok_the_graph_is_kept() -> None:
    first = conversations(ACCOUNT)[0]
    by_id = named(first)
    question, old, new, next_ = (by_id[f"5b000000-0000-4000-8000-00000000000{n}"] for n in (1, 2, 3, 4))
    assert branch_points(first.messages) == {question.id: (old.id, new.id)}
    assert active_path(first) == (question, new, next_)


def test_grok_a_leaf_that_is_not_in_the_export_does_not_end_the_conversation() -> None:
    conversation = conversations(HERE / "first_generation.json")[0]
    assert conversation.head.tip is None
    assert conversation.head.extra["conversation"]["leaf_response_id"] == "gone"
    assert [message.provider_id for message in active_path(conversation)] == ["q1", "q3", "q4"]


def test_grok_without_any_parent_the_file_order_is_the_chain() -> None:
    conversation = conversations(HERE / "flat.json")[0]
    assert [m.parent for m in conversation.messages] == [None, *(m.id for m in conversation.messages[:-1])]
    assert conversation.head.extra["graph"] == "file order"


@pytest.mark.parametrize(
    ("sender", "role", "author", "model"),
    [
        ("human", "user", None, "grok-4"),
        ("assistant", "assistant", None, "grok-4"),
        ("ASSISTANT", "assistant", None, "grok-4"),
        ("grok-3", "assistant", "grok-3", "grok-4"),
        ("system", "system", None, "grok-4"),
    ],
)
def test_grok_senders_are_roles_or_models(tmp_path: Path, sender: str, role: str, author: str | None, model: str) -> None:
    message = conversations(written(tmp_path, one({"_id": "r", "sender": sender, "model": "grok-4"})))[0].messages[0]
    assert (message.role, message.author, message.model) == (role, author, model)


def test_grok_a_sender_that_is_a_model_is_the_model_where_no_other_is_named() -> None:
    assert named(conversations(ACCOUNT)[1])["5b000000-0000-4000-8000-000000000006"].model == "grok-3"


def test_grok_an_answer_that_is_only_a_picture_is_a_message() -> None:
    drawn = named(conversations(ACCOUNT)[1])["5b000000-0000-4000-8000-000000000006"]
    assert [(type(part), part.media) for part in drawn.parts if isinstance(part, File)] == [(File, "image")] * 2
    assert drawn.extra["response"]["query"] == "a loaf of bread as a hedgehog, watercolour"


def test_grok_an_answer_that_failed_is_a_message() -> None:
    failed = named(conversations(ACCOUNT)[1])["5b000000-0000-4000-8000-000000000007"]
    assert failed.parts == ()
    assert failed.extra["response"]["error"] == "Failed to respond."


def test_grok_thoughts_steps_cards_and_sources_are_parts() -> None:
    answer = named(conversations(ACCOUNT)[0])["5b000000-0000-4000-8000-000000000003"]
    thoughts = [part.text for part in answer.parts if isinstance(part, Reasoning)]
    assert thoughts == ["Two ways: warmth or stiffness.", "Looking for hydration tables"]
    call = next(part for part in answer.parts if isinstance(part, ToolCall))
    assert (call.name, call.call) == ("web_search", "card-7")
    assert "sourdough hydration rye" in call.arguments
    assert [part.uri for part in answer.parts if isinstance(part, Citation)] == ["https://bread.example/rye"] * 2
    text = next(part.text for part in answer.parts if isinstance(part, Text))
    assert '<grok:render card_id="k1"' in text


def flat(id: Any, *words: str, **head: Any) -> dict[str, Any]:
    responses = [{"_id": f"r{n}", "message": text, "sender": "human"} for n, text in enumerate(words)]
    return {"title": "Flat", "create_time": "2026-01-01T00:00:00Z", "responses": responses} | ({"id": id} if id else {}) | head


def account(*conversations: Any, **beside: Any) -> dict[str, Any]:
    return {"conversations": [*conversations], "projects": [], "tasks": [], "media_posts": [], **beside}


def test_grok_a_conversation_may_be_flat(tmp_path: Path) -> None:
    first, second = conversations(written(tmp_path, account(flat("g1", "cats"), flat("g2", "dogs"))))
    assert (first.provider_id, first.head.title, first.head.created.us) == ("g1", "Flat", 1767225600_000000)
    assert (second.provider_id, second.messages[0].parts) == ("g2", (Text("dogs"),))


@pytest.mark.parametrize(
    "others",
    [
        {"create_time": "2026-01-02T00:00:00Z"},
        {"create_time": {"$date": {"$numberLong": "1767225600001"}}},
        {"create_time": None, "title": "Other"},
        {"create_time": None, "modify_time": "2026-01-02T00:00:00Z"},
    ],
)
def test_grok_conversations_without_an_id_are_told_apart(tmp_path: Path, others: dict[str, Any]) -> None:
    pair = [flat("", "cats"), flat("", "dogs", **others)]
    wrapped = [
        {"conversation": {k: v for k, v in item.items() if k != "responses"}, "responses": item["responses"]} for item in pair
    ]
    for items in (pair, wrapped):
        assert len({found.id for found in conversations(written(tmp_path, account(*items)))}) == 2


def test_grok_a_conversation_without_an_id_keeps_its_own_whatever_is_erased(tmp_path: Path) -> None:
    path = written(tmp_path, account(flat("", "cats", "dogs", create_time=None)))
    slice, reading = readings(path)[0]
    for message in reading.conversations[0].messages:
        left = grok.read(blanked(slice, spans_of(grok, slice, reading, {message.id})), {}).conversations[0]
        assert (left.id, len(left.messages)) == (reading.conversations[0].id, 1)


def test_grok_the_id_of_an_absent_parent_is_kept(tmp_path: Path) -> None:
    found = conversations(written(tmp_path, one({"_id": "r", "sender": "human", "parent_response_id": "gone"})))[0]
    assert found.head.extra["absent_parents"] == {found.messages[0].id: "gone"}


def test_grok_numbers_are_ids(tmp_path: Path) -> None:
    responses = [{"_id": n, "sender": "human", "parent_response_id": above} for n, above in ((1, None), (2, 1), (3, 1))]
    found = conversations(written(tmp_path, account({"conversation": {"id": 5, "leaf_response_id": 3}, "responses": responses})))[0]
    messages = named(found)
    assert (found.provider_id, found.head.tip) == ("5", messages["3"].id)
    assert branch_points(found.messages) == {messages["1"].id: (messages["2"].id, messages["3"].id)}


def test_grok_responses_may_be_an_object_and_what_is_none_is_refused(tmp_path: Path) -> None:
    held = {"x": {"_id": "1", "sender": "human", "message": "q"}, "y": {"response": {"sender": "assistant", "message": "a"}}}
    value = account({"conversation": {"id": "a"}, "responses": held}, {"conversation": {"id": "b"}, "responses": 7})
    (_, first), (_, second) = readings(written(tmp_path, value))
    assert [message.provider_id for message in first.conversations[0].messages] == ["1", "y"]
    assert [(p.kind, p.where) for p in second.problems] == [("message", "conversations[1].responses")]


@pytest.mark.parametrize("key", ["conversations", "projects", "tasks", "media_posts"])
def test_grok_an_object_in_the_place_of_an_array_is_refused_by_name(tmp_path: Path, key: str) -> None:
    value = account(flat("g", "cats")) | {key: {"x": flat("h", "dogs"), "y": {"name": "a"}}}
    problems = [problem for _, reading in readings(written(tmp_path, value)) for problem in reading.problems]
    assert [problem.reason for problem in problems] == ["an object of objects where an array should be"]
    odd = [problem.where for _, r in readings(written(tmp_path, account(flat("g", "a")) | {key: "none"})) for problem in r.problems]
    assert odd == [key]


def test_grok_odd_conversations_may_stand_first(tmp_path: Path) -> None:
    odd = [{"conversation": None, "responses": []}] * 50
    value = {"conversations": [*odd, {"conversation": {"id": "g"}, "responses": [{"_id": "r", "sender": "human"}]}]}
    assert conversations(written(tmp_path, value))[50].provider_id == "g"


def test_grok_what_stands_beside_the_arrays_is_named_and_the_account_withheld(vault: Vault, tmp_path: Path) -> None:
    value = {"email": "me@mail.example", **account(flat("g", "cats"), memories=[{"text": "tea"}], custom_instructions="French")}
    receipt = take_in(vault, written(tmp_path, value))
    assert receipt.unknown_fields == {"custom_instructions": 1, "memories": 1}
    assert [left.where for left in receipt.withheld] == ["email"]


# --- assets, projects, tasks, posts -----------------------------------------------------------------------------------


def test_grok_assets_are_joined_by_their_id_and_sniffed() -> None:
    attachments = {a.pointer: a for c in conversations(ACCOUNT) for a in c.attachments}
    types = {pointer.rpartition("-")[2][-14:]: (a.media_type, bool(a.member)) for pointer, a in attachments.items()}
    assert types == {
        "000000000001": ("text/plain", True),
        "000000000003": ("image/png", True),
        "0002/image.jpg": ("image/jpeg", True),
        "00ff/image.jpg": ("", False),
        "000000000004": ("video/mp4", True),
        "00000000fe.jpg": ("", False),
    }


def test_grok_an_asset_that_nothing_names_is_kept(vault: Vault) -> None:
    receipt = take_in(vault, ACCOUNT)
    kept = {member.name.split("/")[-2] for member in vault.store.members(receipt.id) if member.treatment == "keep"}
    assert {f"5c000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3, 4, 9)} == kept
    assert receipt.attachments.found == 4
    assert receipt.attachments.missing == 2


def test_grok_logins_and_billing_are_withheld(vault: Vault) -> None:
    receipt = take_in(vault, ACCOUNT)
    names = {withheld.path.rpartition("/")[2] for withheld in receipt.withheld}
    assert names == {"prod-mc-auth-mgmt-api.json", "prod-mc-billing.json"}
    assert all("baker@mail.example" not in record for record in map(str, records(vault)))


@pytest.mark.parametrize("name", ["whatever.json", "account.json"])
def test_grok_logins_are_known_by_what_they_hold(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "export"
    shutil.copytree(ACCOUNT, folder)
    auth = next(folder.rglob("prod-mc-auth-mgmt-api.json"))
    renamed = auth.rename(auth.with_name(name))
    with open_delivery(folder) as delivery:
        assert grok.plan(delivery)[renamed.relative_to(folder).as_posix()] == "withhold"


def test_grok_projects_are_topics_with_their_instructions(vault: Vault) -> None:
    take_in(vault, ACCOUNT)
    packed = [vault.store.pack(seq) for seq, _, _ in vault.store.live()]
    topics = [(topic.id, topic.name, topic.instructions) for topic in packed if isinstance(topic, Topic)]
    project = conversations(ACCOUNT)[0].head.project
    assert topics == [(project, "パン", "Answer like a baker: short, in grams.")]


def test_grok_tasks_and_media_posts_are_not_lost() -> None:
    kinds = [(slice.kind, c.messages[0].parts[0]) for slice, r in readings(ACCOUNT) for c in r.conversations]
    assert kinds[2:] == [
        ("task", Text("Tell me at six how warm the kitchen will be.")),
        ("media_post", Text("steam over a crumb, close up")),
        ("media_post", Text("an oven at dawn")),
    ]


# --- cutting several arrays of one object -----------------------------------------------------------------------------

MEMBERS = {"big": "b", "left": "l", "right": "r"}


def cut(data: bytes) -> Iterator[Glue | Slice]:
    return cut_members(BytesIO(data), path="x", kinds=MEMBERS)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"left":[1, 2],"big":[{"a":1},{}] , "right" : [3] }', ["l 1", "l 2", 'b {"a":1}', "b {}", "r 3"]),
        (b'{"right":[3],"left":[],"big":[0]}', ["r 3", "b 0"]),
        (b'{"big":[],"right":[3],"n":{"left":[9]},"left":[4]}', ["r 3", "l 4"]),
        (b'{"right":[3]}', ["r 3"]),
        (b'{"big":{"left":[1]},"left":[2]}', ['b {"left":[1]}', "l 2"]),
        (b'\xef\xbb\xbf{"big":[1],"left":[2],"right":[3', ["b 1", "l 2", "r 3"]),
        (b'{"big":[1', ["b 1"]),
        (b"[1,2]", []),
        (b"", []),
    ],
)
def test_members_are_cut_wherever_they_stand(data: bytes, found: list[str]) -> None:
    pieces = list(cut(data))
    assert b"".join(piece.data for piece in pieces) == data
    assert [f"{piece.kind} {piece.data.decode()}" for piece in pieces if isinstance(piece, Slice)] == found
