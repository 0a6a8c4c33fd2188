"""Portable Memory bundles: what is their own. What holds for every format is in test_every.py."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import mem
from souviens.port.checking import rebuild, verify
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Json, Memory, Topic
from souviens.vault import Vault
from tests import golden
from tests.port.given import assert_sums, refused, write, zipped

HERE = Path(__file__).parent / "mem"


def memories(path: Path) -> dict[str, Memory]:
    """By the provider's id, or by the words."""
    with open_delivery(path) as delivery:
        return {m.provider_id or m.text: m for _, reading in golden.readings(mem, delivery) for m in reading.memories}


def members(case: str) -> dict[str, bytes]:
    root = HERE / case
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def copied(case: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(HERE / case, tmp_path / "copy.mem"))


def test_mem_a_zip_and_a_folder_around_it_say_the_same(tmp_path: Path) -> None:
    plain = memories(HERE / "bundle")
    assert memories(zipped(tmp_path / "a.zip", members("bundle"))) == plain
    assert memories(zipped(tmp_path / "b.zip", {f"mine.mem/{name}": data for name, data in members("bundle").items()})) == plain


def test_mem_a_whole_bundle_has_nothing_to_complain_of(vault: Vault) -> None:
    receipt = take_in(vault, HERE / "first_format")
    assert receipt.shape == "1.0"
    assert receipt.refused == ()
    assert receipt.unknown_fields == {}


# --- what is gone -----------------------------------------------------------------------------------------------------


def test_mem_what_is_tombstoned_is_not_remembered_and_neither_is_what_rests_on_it(vault: Vault) -> None:
    receipt = take_in(vault, HERE / "bundle")
    assert_sums(receipt)
    assert {"ep_gone", "fact_3", "edge_2"}.isdisjoint(memories(HERE / "bundle"))
    assert {(problem.path, problem.where) for problem in receipt.refused} == {
        ("items/episode.jsonl", ":3"),
        ("items/fact.jsonl", ":3"),
        ("items/edge.jsonl", ":2"),
    }
    assert refused(receipt)["memory"] == 3


def test_mem_what_is_tombstoned_stays_away_when_the_manifest_is_erased(vault: Vault) -> None:
    take_in(vault, HERE / "bundle")
    bundle = next(
        r for seq, _, _ in vault.store.live() if isinstance(r := vault.store.pack(seq), Topic) and r.name == "lantern/2.1"
    )
    erase(vault, [bundle.id])
    rebuild(vault, records=True)
    assert verify(vault).ok
    ids = {r.provider_id for seq, _, _ in vault.store.live() if isinstance(r := vault.store.pack(seq), Memory)}
    assert "ep_1" in ids
    assert "ep_gone" not in ids


def test_mem_a_row_marked_as_deleted_is_not_remembered() -> None:
    assert "ep_del" not in memories(HERE / "damaged")


def test_mem_a_tombstone_counts_whatever_kind_it_names(tmp_path: Path) -> None:
    root = copied("bundle", tmp_path)
    stones = [
        {"id": "a", "op": "redact", "targetKind": "preference", "targetID": "units", "derived": {}},
        {"id": "b", "op": "delete", "targetKind": "resource", "targetID": "res_1", "derived": {}},
        {"id": "c", "op": "delete", "targetKind": "episode", "targetID": "ep_1", "derived": {}},
    ]
    write(root / "audit" / "tombstones.jsonl", "".join(json.dumps(stone) + "\n" for stone in stones).encode())
    left = memories(root)
    assert {"units: metric", "ep_1", "fact_1", "edge_1", "ep_1 follows ep_2"}.isdisjoint(left)
    with open_delivery(root) as delivery:
        topics = [topic for _, reading in golden.readings(mem, delivery) for topic in reading.topics]
    assert not [topic for topic in topics if topic.documents or topic.name == "Waltz"]


# --- whole or not -----------------------------------------------------------------------------------------------------


def test_mem_bytes_that_checksums_do_not_name_are_reported(vault: Vault) -> None:
    receipt = take_in(vault, HERE / "damaged")
    found = {problem.path: problem.reason for problem in receipt.refused if problem.kind == "source"}
    assert found == {
        "items/fact.jsonl": "its bytes are not those that CHECKSUMS names",
        "items/core.jsonl": "CHECKSUMS names it, and it is not there",
        "items/preference.jsonl": "CHECKSUMS does not name it",
        "CHECKSUMS": "its bytes are not those that the manifest names",
    }


def test_mem_a_changed_checksum_does_not_agree_with_the_manifest(vault: Vault, tmp_path: Path) -> None:
    root = copied("first_format", tmp_path)
    lines = (root / "CHECKSUMS").read_text().splitlines(keepends=True)
    changed = (root / "items" / "entity.jsonl").read_bytes().replace(b"Nine", b"Nina")
    write(root / "items" / "entity.jsonl", changed)
    digest = mem.sha256(changed)
    write(root / "CHECKSUMS", (f"{digest}  items/entity.jsonl\n" + lines[1]).encode())
    receipt = take_in(vault, root)
    assert [(problem.path, problem.reason) for problem in receipt.refused] == [
        ("items/entity.jsonl", "CHECKSUMS and the manifest do not agree on it")
    ]


def test_mem_a_bundle_without_checksums_is_read_and_says_so(vault: Vault, tmp_path: Path) -> None:
    root = copied("first_format", tmp_path)
    (root / "CHECKSUMS").unlink()
    receipt = take_in(vault, root)
    assert receipt.new.memories == 1
    assert [problem.path for problem in receipt.refused] == ["CHECKSUMS"]


# --- what is carried --------------------------------------------------------------------------------------------------


def test_mem_validity_fractions_and_times_that_are_none() -> None:
    found = memories(HERE / "bundle")
    first, second = found["fact_1"], found["fact_2"]
    assert first.valid_to is not None
    assert first.valid_to.given == "2026-06-01T00:00:00Z"
    assert second.valid_from is not None
    assert (second.valid_from.us, second.valid_from.given) == (1780272000750000, "2026-06-01T00:00:00.75Z")
    assert second.valid_to is None
    assert (second.created.us, second.created.given) == (None, "not known")
    assert found["ep_2"].extra["eventTime"] == "2026-05-01T18:00:00.125Z"


def test_mem_weights_only_where_they_are_shares_and_sensitivity_only_closes() -> None:
    found = memories(HERE / "bundle")
    assert (found["ep_1"].belief, found["ep_1"].weight, found["ep_1"].sensitivity) == (0.7, 0.5, None)
    assert (found["ep_2"].belief, found["ep_2"].weight, found["ep_2"].sensitivity) == (1.0, None, 3)


def test_mem_a_memory_lies_in_its_context_and_a_chunk_in_its_resource(vault: Vault) -> None:
    take_in(vault, HERE / "bundle")
    records = [vault.store.pack(seq) for seq, _, _ in vault.store.live()]
    topics = {record.name: record for record in records if isinstance(record, Topic)}
    assert memories(HERE / "bundle")["ep_1"].topic == topics["Home"].id == topics["Music"].parent
    assert [document.text for document in topics["Waltz"].documents] == ["Three beats, slowly.", "And once more."]
    assert topics["Waltz"].summary == "A score in words."


def test_mem_vendor_kinds_and_audit_come_back_and_references_to_secrets_stay_out(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, HERE / "bundle")
    assert [item.path for item in receipt.withheld] == ["items/secretRef.jsonl"]
    give_back(vault, receipt.id, tmp_path / "back")
    back = {path.relative_to(tmp_path / "back").as_posix(): path.read_bytes() for path in (tmp_path / "back").rglob("*.*")}
    for name in ("items/lanternMood.jsonl", "audit/log.jsonl", "embeddings/episode.mini.vec", "items/episode.jsonl"):
        assert back[name] == members("bundle")[name]
    assert "items/secretRef.jsonl" not in back


def test_mem_two_bundles_with_a_human_block_keep_both(vault: Vault, tmp_path: Path) -> None:
    """Its id is "human" in every bundle, and no time tells which is newer."""
    root = copied("bundle", tmp_path)
    write(root / "items" / "core.jsonl", b'{"id":"human","content":"Another person.","charBudget":9,"version":1}\n')
    take_in(vault, HERE / "bundle")
    take_in(vault, root)
    texts = {r.text for seq, _, _ in vault.store.live() if isinstance(r := vault.store.pack(seq), Memory) and r.kind == "profile"}
    assert texts == {"Ivo, harbour pilot and piano tuner.", "Another person."}


def test_mem_an_erased_memory_leaves_the_bundle(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, HERE / "bundle")
    erase(vault, [memories(HERE / "bundle")["ep_1"].id])
    give_back(vault, receipt.id, tmp_path / "back")
    lines = (tmp_path / "back" / "items" / "episode.jsonl").read_bytes().splitlines()
    assert b"tunes the harbour piano" not in lines[0]
    assert lines[1:] == members("bundle")["items/episode.jsonl"].splitlines()[1:]


@pytest.mark.parametrize("value", [{"format": "1.0.0", "files": []}, {"format": 1, "generator": "x", "counts": {}, "files": ["a"]}])
def test_mem_other_manifests_are_not_claimed(tmp_path: Path, value: Json) -> None:
    with open_delivery(write(tmp_path / "manifest.json", value)) as delivery:
        assert mem.identify(delivery) is None


def test_mem_a_preference_s_value_need_not_be_text(tmp_path: Path) -> None:
    copy = copied("bundle", tmp_path)
    rows = [{"key": "theme", "value": {"dark": True}}, {"key": "limit", "value": 5}, {"key": "nothing", "value": None}]
    with (copy / "items" / "preference.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    assert {'theme: {"dark":true}', "limit: 5", "nothing"} <= {memory.text for memory in memories(copy).values()}
