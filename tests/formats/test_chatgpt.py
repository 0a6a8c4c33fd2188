"""ChatGPT exports of every generation: nothing is lost, the graph is whole, damage refuses the smallest unit."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from souviens.delivery import Delivery, Entry, open_delivery
from souviens.formats import chatgpt
from souviens.formats.chatgpt import capture
from souviens.jsonspan import Flaws, Glue, Slice, decode, load, locate
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, Json, Message, Reading, ToolCall, active_path, branch_points, message_hash
from souviens.vault import Vault
from tests.golden import FIXTURES, expected, fixtures, golden, readings
from tests.lossless import leaves, lost, paths, reading_leaves, replaced

CASES = fixtures("chatgpt")
REAL = Path(__file__).parents[3] / "shared" / "exports" / "chatgpt"


def sliced(value: Json) -> Slice:
    return load(Slice("conversation", "conversations.json", "[0]", json.dumps(value).encode()))


def valued(value: Json) -> Slice:
    """A slice of a value that has no bytes of its own."""
    return Slice("conversation", "conversations.json", "[0]", b"", value, Flaws())


def conversation(slice: Slice) -> Conversation:
    (found,) = chatgpt.read(slice, None).conversations
    return found


def opened(case: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(case) as delivery:
        return list(readings(chatgpt, delivery))


def node(parent: str | None, text: str, **message: Json) -> Json:
    said = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": [text]}, **message}
    return {"parent": parent, "message": said}


# --- what is right, read by eye ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Path) -> None:
    assert golden(case) == expected(case).read_text(encoding="utf-8"), "python -m tests.golden shows the difference"


# --- nothing is lost --------------------------------------------------------------------------------------------------


def without_graph(value: dict[str, Json], reading: Reading) -> Json:
    """The conversation without refused nodes, and without the ids that the graph itself stands for (see `rebuilt`)."""
    refused = {problem.where.partition(".mapping.")[2] for problem in reading.problems}
    nodes: dict[str, Json] = {}
    for key, node in value["mapping"].items():
        if key in refused:
            continue
        kept = nodes[key] = dict(node)
        if kept.get("id") == key:
            del kept["id"]
        if isinstance(kept.get("parent"), str):
            del kept["parent"]
        if isinstance(kept.get("children"), list) and all(isinstance(child, str) for child in kept["children"]):
            del kept["children"]
        if isinstance(kept.get("message"), dict) and kept["message"].get("id") == key:
            kept["message"] = {name: field for name, field in kept["message"].items() if name != "id"}
    header = {**value, "mapping": nodes}
    if isinstance(header.get("current_node"), str):
        del header["current_node"]
    if header.get("id") == header.get("conversation_id"):
        header.pop("id", None)
    return header


def rebuilt(message: Message, whole: Conversation) -> tuple[Json, list[Json]]:
    """The parent and children of a node as the export had them, from the records alone."""
    keys = {other.id: other.provider_id for other in whole.messages}
    extra = message.extra.get("node", {})
    children = sorted((other for other in whole.messages if other.parent == message.id), key=lambda other: other.order)
    given = extra.get("children", [other.provider_id for other in children])
    return extra.get("parent", keys.get(message.parent or "")), given


def check_nothing_lost(slice: Slice, reading: Reading) -> None:
    if not reading.conversations:
        assert reading.problems
        return
    paths = capture.places(slice.value)
    if len(paths) > 1 and not any(problem.kind == "conversation" for problem in reading.problems):
        assert not lost(capture.envelope(slice.value, paths), [reading])
        for path, whole in zip(paths, reading.conversations, strict=True):
            one = capture.at(slice.value, path)
            check_nothing_lost(valued(one), chatgpt.read(valued(one), None))
            assert [message.hash for message in conversation(valued(one)).messages] == [m.hash for m in whole.messages]
        return
    around = capture.envelope(slice.value, paths)
    assert not lost(around, [reading])
    (whole,) = reading.conversations
    own = capture.at(slice.value, paths[0])
    assert not lost([around, without_graph(own, reading)], [reading])
    mapping = own["mapping"]
    read, refused = [message.provider_id for message in whole.messages], len(reading.problems)
    assert len(read) + refused == len(mapping) and read == [key for key in mapping if key in set(read)]
    for message in whole.messages:
        parent, children = rebuilt(message, whole)
        source = mapping[message.provider_id]
        if "parent" in source:
            assert parent == source["parent"]
        # A slim export gives no children; the records know them from the parents.
        assert children == source.get("children") or not source.get("children")
        assert message.hash == message_hash(message)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_leaf_is_in_the_records(case: Path) -> None:
    for slice, reading in opened(case):
        check_nothing_lost(slice, reading)


def test_the_law_can_fail() -> None:
    slice, reading = opened(FIXTURES / "chatgpt" / "native.json")[0]
    more = replaced(slice.value, ("title",), "a title nobody read")
    assert lost(without_graph(more, reading), [reading]) == {"a title nobody read": 1}
    assert leaves([True, 1, "1", None, [], {"a": Decimal("1.50")}]) == {"true": 1, "1": 2, "1.50": 1}


WORDS = st.sampled_from(["all", "text", "parts", "url", "title", "file-A", "sandbox:/mnt/data/a", '{"a": 1}', "5", "", "x\ud7ff"])
KEYS = st.sampled_from(["content_type", "parts", "url", "title", "metadata", "items", "asset_pointer", "text", "id", "novel"])
NUMBERS = st.one_of(st.integers(-(10**17), 10**17), st.decimals(allow_nan=False, allow_infinity=False))
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
SHAPES = [slice.value for case in CASES for slice, reading in opened(case) if len(reading.conversations) == 1]
PLACES = [list(paths(shape))[1:] for shape in SHAPES]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_anywhere_is_kept_or_refused(data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(SHAPES) - 1))
    value = SHAPES[which]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(PLACES[which]))
        try:
            value = replaced(value, place, data.draw(ANY_JSON))
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change took this place away
    slice = valued(value)
    check_nothing_lost(slice, chatgpt.read(slice, None))


def test_depth_is_refused_by_the_message() -> None:
    deep: Json = "bottom"
    for _ in range(5000):
        deep = [deep]
    value = {"mapping": {"a": node(None, "kept"), "b": node("a", "too deep", metadata={"deep": deep})}}
    reading = chatgpt.read(valued(value), None)
    assert [message.provider_id for message in reading.conversations[0].messages] == ["a"]
    assert [problem.reason for problem in reading.problems] == ["nested too deeply"]


# --- the graph --------------------------------------------------------------------------------------------------------


def test_slim_exports_have_the_same_graph_as_full_ones() -> None:
    full = next(slice.value for slice, _ in opened(FIXTURES / "chatgpt" / "full"))
    bare = {key: {name: field for name, field in given.items() if name != "children"} for key, given in full["mapping"].items()}
    empty = {key: {**given, "children": []} for key, given in full["mapping"].items()}
    shapes = [conversation(valued({**full, "mapping": mapping})) for mapping in (full["mapping"], bare, empty)]
    graphs = [[(message.id, message.parent, message.order, message.hash) for message in shape.messages] for shape in shapes]
    assert graphs[0] == graphs[1] == graphs[2]
    assert len(branch_points(shapes[1].messages)) == 2


def test_a_circle_ends() -> None:
    graph = opened(FIXTURES / "chatgpt" / "graph.json")[1][1].conversations[0]
    ids = {message.provider_id: message.id for message in graph.messages}
    parents = {message.provider_id: message.parent for message in graph.messages}
    assert parents["ring1"] == ids["ring2"] and parents["ring2"] == ids["ring1"] and parents["self"] == ids["self"]
    assert active_path(graph)


def test_ids_do_not_depend_on_where_a_conversation_stands() -> None:
    value = {"id": "c", "mapping": {"a": node(None, "one"), "b": node("a", "two")}}
    first, second = sliced(value), sliced(value)
    second.path, second.where = "conversations-007.json", "[93]"
    assert chatgpt.read(first, None) == chatgpt.read(second, None)


def test_without_an_id_a_conversation_keeps_its_own_while_it_grows() -> None:
    short = {"title": "old name", "create_time": 5.25, "mapping": {"a": node(None, "one")}}
    grown = {**short, "title": "new name", "mapping": {**short["mapping"], "b": node("a", "two")}}
    other = {**short, "create_time": 6}
    assert conversation(sliced(short)).id == conversation(sliced(grown)).id != conversation(sliced(other)).id


def test_the_same_instructions_are_one_memory() -> None:
    first, second = (reading for _, reading in opened(FIXTURES / "chatgpt" / "full"))
    shared = {memory.id for memory in first.memories} & {memory.id for memory in second.memories}
    assert len(shared) == 2
    for reading in (first, second):
        by_id = {message.id for message in reading.conversations[0].messages}
        assert all(memory.evidence[0].message in by_id for memory in reading.memories)


def test_the_fence_around_a_box_is_not_part_of_the_memory() -> None:
    boxes = {"user_profile": "Said by the provider:\n```I sail.```", "user_instructions": "Rhyme."}
    value = {"mapping": {"a": node(None, "", content={"content_type": "user_editable_context", **boxes})}}
    assert [(memory.kind, memory.text) for memory in chatgpt.read(sliced(value), None).memories] == [
        ("profile", "I sail."),
        ("instruction", "Rhyme."),
    ]


def test_arguments_that_are_no_plain_object_stay_a_string() -> None:
    for words in ('{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}', "[1]", "print(1)", '{"a": '):
        value = {"mapping": {"a": node(None, words, author={"role": "assistant"}, recipient="python")}}
        assert conversation(sliced(value)).messages[0].parts == (ToolCall("python", words),)


# --- erasing one message ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in CASES if case.name != "damaged.json"], ids=lambda case: case.name)
def test_a_blanked_message_leaves_a_placeholder_and_nothing_else_changes(case: Path) -> None:
    for slice, reading in opened(case):
        places = chatgpt.locations(slice)
        for message in (message for whole in reading.conversations for message in whole.messages):
            assert (message.id in places) == (message.visibility != "placeholder")
        for identity, place in places.items():
            span = locate(slice.data, place)
            assert span is not None
            blank = b"null".ljust(span[1] - span[0])
            erased = load(Slice(slice.kind, slice.path, slice.where, slice.data[: span[0]] + blank + slice.data[span[1] :]))
            before = next(whole for whole in reading.conversations if identity in {message.id for message in whole.messages})
            check_erased(identity, before, chatgpt.read(erased, None))


def check_erased(identity: str, before: Conversation, reading: Reading) -> None:
    (after,) = (whole for whole in reading.conversations if whole.id == before.id)
    assert [message.id for message in after.messages] == [message.id for message in before.messages]
    for old, new in zip(before.messages, after.messages, strict=True):
        if old.id == identity:
            assert new.visibility == "placeholder" and not new.parts
        else:
            assert (new.parent, new.order, new.visibility) == (old.parent, old.order, old.visibility)
    assert all(proof.message != identity for memory in reading.memories for proof in memory.evidence)


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_flaw_in_an_envelope_refuses_the_smallest_unit() -> None:
    ours = json.dumps(OURS)
    bad = ours.replace('"hello"', '"hello", NaN')
    reading = chatgpt.read(load(Slice("conversation", "c.json", "[3]", f'{{"a":{ours},"b":[{bad}],"c":"x"}}'.encode())), None)
    assert [(problem.kind, problem.where) for problem in reading.problems] == [("message", "[3].b[0].mapping.a")]
    assert [len(whole.messages) for whole in reading.conversations] == [2, 1]
    reading = chatgpt.read(load(Slice("conversation", "c.json", "[3]", f'{{"a":{ours},"b":[{ours}],"c":NaN}}'.encode())), None)
    assert [problem.kind for problem in reading.problems] == ["conversation"]
    assert len(reading.conversations) == 1


def test_flaws_refuse_the_smallest_unit() -> None:
    damaged = opened(FIXTURES / "chatgpt" / "damaged.json")
    reasons = [(problem.where, problem.kind) for _, reading in damaged for problem in reading.problems]
    assert ("[5].mapping.m2", "message") in reasons and ("[9].mapping.m2", "message") in reasons
    assert {where for where, kind in reasons if kind == "conversation"} == {f"[{n}]" for n in (0, 1, 2, 3, 4, 10, 12, 15)}


def test_a_flaw_is_found_in_the_node_with_a_dotted_key() -> None:
    data = b'{"id":"c","mapping":{"a":{"message":null},"a.message":{"message":{"weight":NaN}}}}'
    reading = chatgpt.read(load(Slice("conversation", "c.json", "", data)), None)
    assert [problem.where for problem in reading.problems] == ["mapping.a.message"]


def test_a_slice_that_lost_its_value_on_the_way_is_decoded_again() -> None:
    slice, reading = opened(FIXTURES / "chatgpt" / "native.json")[0]
    assert chatgpt.read(Slice(slice.kind, slice.path, slice.where, slice.data), None) == reading


def test_an_erased_slice_is_empty() -> None:
    (problem,) = chatgpt.read(sliced(None), None).problems
    assert (problem.kind, problem.where, problem.reason) == ("conversation", "[0]", "empty (null)")


# --- which deliveries are ours ----------------------------------------------------------------------------------------


def delivered(folder: Path, files: dict[str, Json]) -> Iterator[Delivery]:
    for name, value in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    with open_delivery(folder) as delivery:
        yield delivery


OURS = {"id": "c", "title": "t", "mapping": {"r": {"parent": None, "children": ["a"], "message": None}, "a": node("r", "hello")}}
DEEPSEEK = {
    "id": "d",
    "title": "t",
    "inserted_at": "2026-01-01T00:00:00+08:00",
    "mapping": {"1": {"id": "1", "parent": "root", "message": {"fragments": [{"type": "REQUEST", "content": "hi"}]}}},
}
CLAUDE = {"uuid": "u", "name": "n", "chat_messages": [{"uuid": "m", "sender": "human", "text": "hi"}]}
WEBUI = {"id": "w", "chat": {"history": {"messages": {"a": {"id": "a", "parentId": None, "role": "user", "content": "hi"}}}}}
USER = {"id": "user-1", "email": "someone@mail.example", "chatgpt_plus_user": True}


@pytest.mark.parametrize(
    ("files", "shape"),
    [
        ({"renamed.json": [OURS]}, "v1"),
        ({"b.json": [OURS], "a.json": [OURS]}, "sharded"),
        ({"one.json": OURS}, "single"),
        ({"old.json": {"exported": "by a tool", "conversations": [OURS]}}, "v1"),
        ({"one.json": {"data": OURS, "status": 200}}, "captured"),
        ({"one.json": {"page": {"url": "u"}, "answer": {"body": {"json": OURS}}}}, "captured"),
        ({"list.json": [{"fetched": 1, "conversation": OURS}, {"error": "429"}]}, "captured"),
        ({"list.json": {"data": {"chats": [{"raw": OURS}]}}}, "captured"),
        ({"two.json": {"active": [OURS], "archived": [OURS]}}, "captured"),
        ({"bare.json": {"data": [OURS]}}, "v1"),
        ({"x.json": {"data": {"biz_data": {"chat_session": {}, "chat_messages": [OURS["mapping"]["a"]]}}}}, None),
        ({"late.json": [*[None, 5, {"title": "odd"}] * 5, OURS]}, "v1"),
        ({"x.json": [OURS], "m.json": {"version": 1, "logical_files": {"conversations.json": {"files": ["x.json"]}}}}, "manifest"),
        ({"conversations.json": [], "user.json": USER}, "empty"),
        ({"conversations.json": [], "names.json": {"file-AbC.dat": "a.png"}}, "empty"),
        ({"conversations.json": []}, None),
        ({"conversations.json": [], "names.json": []}, None),
        ({"conversations.json": [{"id": "c", "title": "all of them damaged"}], "user.json": USER}, None),
        ({"conversations.json": [DEEPSEEK]}, None),
        ({"conversations.json": [CLAUDE]}, None),
        ({"conversations.json": {"conversations": [{"conversation": {"id": "g"}, "responses": []}]}}, None),
        ({"chats.json": [WEBUI]}, None),
        ({"conversations.json": b"not JSON", "chat.html": b"<html>"}, None),
        ({"conversations.json": b""}, None),
    ],
)
def test_identify_looks_inside(tmp_path: Path, files: dict[str, Json], shape: str | None) -> None:
    for delivery in delivered(tmp_path, files):
        assert chatgpt.identify(delivery) == shape


def test_every_file_of_conversations_is_cut_also_a_wholly_damaged_shard(tmp_path: Path) -> None:
    files = {
        "conversations-000.json": [OURS],
        "conversations-001.json": [{"title": "no mapping"}],
        "listed.json": b"[{]",
        "export_manifest.json": {"logical_files": {"conversations.json": {"files": ["listed.json"]}}},
        "shared_conversations.json": [{"id": "s", "title": "t"}],
        "account.json": USER,
        "page.html": b"<html><script>var jsonData = [];</script></html>",
        "picture.dat": b"<svg/>",
    }
    for delivery in delivered(tmp_path, files):
        assert chatgpt.plan(delivery) == {
            "account.json": "withhold",
            "conversations-000.json": "cut",
            "conversations-001.json": "cut",
            "listed.json": "cut",
            "page.html": "repeat",
            "shared_conversations.json": "keep",
        }
        problems = [problem for _, reading in readings(chatgpt, delivery) for problem in reading.problems]
        assert {problem.path for problem in problems} == {"conversations-001.json", "listed.json"}


def test_a_list_of_people_is_no_account(tmp_path: Path) -> None:
    people = [{"id": "1", "email": "a@mail.example", "phone_number": "1"}]
    for delivery in delivered(tmp_path, {"c.json": [OURS], "file-People1-list.json": people, "one.json": people[0]}):
        assert chatgpt.plan(delivery) == {"c.json": "cut"}


def test_members_that_cannot_be_read_do_not_hide_the_others(tmp_path: Path) -> None:
    export = tmp_path / "export.zip"
    with zipfile.ZipFile(export, "w") as archive:
        for name, value in (("c.json", [OURS]), ("d.json", {"damage": "here"}), ("user.json", {**USER, "damage": "here"})):
            archive.writestr(name, json.dumps(value))
    export.write_bytes(export.read_bytes().replace(b"here", b"HERE"))
    with open_delivery(export) as delivery:
        assert chatgpt.identify(delivery) == "v1"
        assert chatgpt.plan(delivery) == {"c.json": "cut", "user.json": "withhold"}
        assert chatgpt.sidecars(delivery).members["d"] == "d.json"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cut_covers_every_byte(case: Path) -> None:
    with open_delivery(case) as delivery:
        for entry in delivery.entries:
            if chatgpt.plan(delivery).get(entry.name) == "cut":
                assert b"".join(piece.data for piece in chatgpt.cut(entry)) == whole(entry)
                assert all(isinstance(piece, Glue) or piece.kind == "conversation" for piece in chatgpt.cut(entry))


def whole(entry: Entry) -> bytes:
    with entry.open() as stream:
        return stream.read()


# --- captures by extensions and scripts -------------------------------------------------------------------------------------


def test_the_account_beside_a_list_of_conversations_is_withheld(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "chatgpt" / "collected.json")
    assert [withheld.reason.partition(";")[0] for withheld in receipt.withheld] == ["the account"] * 2
    back = Path(give_back(vault, receipt.id, tmp_path / "back.json").path).read_text(encoding="utf-8")
    assert '"plan": "team"' in back
    assert "keeper@lighthouse.example" not in back and "not-a-real-key" not in back
    (problem, _) = receipt.refused
    assert (problem.where, problem.reason) == ("data.chats[2]", "it has no mapping of nodes")


def test_an_envelope_that_says_a_message_again_is_erased_with_it(vault: Vault) -> None:
    take_in(vault, FIXTURES / "chatgpt" / "captured.json")
    (whole,) = (r for seq, kind, _ in vault.store.live() if isinstance(r := vault.store.pack(seq), Conversation))
    asked = next(message for message in whole.messages if message.provider_id == "q1")
    erase(vault, [asked.id])
    kept = b"".join(vault.store.slice(id)[0] for id in vault.store.slices())
    assert b"Wie tief ist" not in kept and "Zwölf Meter.".encode() in kept


def test_a_second_list_far_behind_the_first_is_no_silent_loss(tmp_path: Path) -> None:
    first = [{**OURS, "id": f"c{n}", "title": "x" * 4000} for n in range(300)]
    for delivery in delivered(tmp_path, {"both.json": {"active": first, "archived": [OURS]}}):
        assert chatgpt.identify(delivery) == "v1"
        found = [reading for _, reading in readings(chatgpt, delivery)]
        assert sum(len(reading.conversations) for reading in found) == 300
        assert [p.reason for reading in found for p in reading.problems] == ["conversations beside the list that is read"]


def test_an_upload_is_found_under_either_of_its_ids(tmp_path: Path) -> None:
    message = node(None, "see", metadata={"attachments": [{"id": "up-1", "file_id": "file_Abc", "name": "a.txt"}]})
    for delivery in delivered(tmp_path, {"c.json": [{"id": "c", "mapping": {"a": message}}], "file_Abc.dat": b"words"}):
        ((_, reading),) = readings(chatgpt, delivery)
        assert [held.member for held in reading.conversations[0].attachments] == ["file_Abc.dat"]


# --- real shapes, where they are at hand ------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.is_dir(), reason="no sample exports beside the repository (../shared/exports/chatgpt)")
def test_real_exports_are_read_whole() -> None:
    messages = branches = 0
    for case in sorted(REAL.iterdir()):
        if case.name == "panchat_export_manifest.json":
            continue  # a manifest alone is no export
        with open_delivery(case) as delivery:
            assert chatgpt.identify(delivery), case.name
            found = list(readings(chatgpt, delivery))
        assert found, case.name
        for slice, reading in found:
            assert not reading.problems, case.name
            check_nothing_lost(slice, reading)
            messages += sum(len(one.messages) for one in reading.conversations)
            branches += sum(len(branch_points(one.messages)) for one in reading.conversations)
    assert (messages, branches) == (93, 6)


def test_numbers_come_back_as_they_were_written() -> None:
    value, _ = decode(b'{"id":"c","create_time":1714557600.10,"mapping":{"a":{"message":{"weight":1.0,"create_time":"5e0"}}}}')
    reading = chatgpt.read(valued(value), None)
    assert {"1714557600.10", "1.0", "5e0"} <= reading_leaves(reading).keys()
