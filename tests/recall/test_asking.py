"""Questions asked of real vaults: what is found, in which order, for which reasons, and what never is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from souviens.canon import Instant
from souviens.errors import EncoderError
from souviens.grants import Scope
from souviens.index.embedded import EmbeddedIndex
from souviens.recall import Recall, ask
from souviens.records import Conversation, Document, Head, Memory, Topic, Verdict
from souviens.vault import Vault
from tests.index.contract import NAUGHTY, Letters, conversation, message, put
from tests.recall.conftest import Asked

POTTERY = conversation(
    "pottery",
    "I settled on stoneware for the mugs.",
    "Stoneware it is; porcelain would crack in your kiln.",
    "And the celadon glaze, please.",
    "Celadon suits it.",
    title="Mugs",
)
KITCHEN = conversation(
    "kitchen",
    "What do I do with the leftover rice?",
    "Fry it with an egg.",
    "I drink barley tea instead of coffee now.",
    "Good for your sleep.",
    "What do I do if the pan sticks?",
    "Let it heat before the oil goes in.",
    provider="claude",
    title="Cooking",
)


def memory(id: str, text: str, authority: str = "imported", **fields: object) -> Memory:
    return Memory(id, "preference", text, authority, "chatgpt", **fields)  # type: ignore[arg-type]


def verdict(word: str, text: str = "") -> Verdict:
    return Verdict(word, Instant(us=1, zone="epoch"), text)  # type: ignore[arg-type]


def found(answer: Recall) -> list[str]:
    return [item.id for item in answer.items]


class Broken:
    id, dimensions = "broken", 384

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise EncoderError("the model is gone", "deleted", "souviens encoder install")


# --- what is found ----------------------------------------------------------------------------------------------------


def test_words_that_only_hold_a_question_together_do_not_decide_it(recall: Asked) -> None:
    answer = recall("what do I drink instead of coffee?", POTTERY, KITCHEN)
    assert found(answer)[0] == "kitchen-2"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Qu'est-ce que j'ai décidé pour le théâtre ?", "Le theatre, ce sera en mars."),
        ("Was habe ich über den Ofen gesagt?", "Der Ofen steht jetzt im Keller."),
        ("¿Qué dije sobre la bicicleta?", "La bicicleta roja es mía."),
        ("что я говорил про собаку", "Мою собаку зовут Белка."),
        ("私は何の楽器を習っていますか", "毎週、三味線という楽器を習っています。"),
        ("我最喜欢的茶是什么", "我喜欢的茶是乌龙茶。"),
        ("ฉันชอบดนตรีอะไร", "ฉันชอบดนตรีแจ๊สมาก"),
        ("ما هي مدينتي المفضلة", "مدينتي المفضلة هي فاس."),
        ("मुझे कौन सी किताब पसंद है", "मुझे यह किताब पसंद है: गोदान।"),
        ("내가 좋아하는 김치 종류", "김치 중에서 파김치."),
    ],
)
def test_every_script_is_found_with_words_alone(recall: Asked, question: str, said: str) -> None:
    answer = recall(question, POTTERY, KITCHEN, conversation("other", said, "…"))
    assert found(answer)[0] == "other-0"


def test_quoted_words_must_stand_as_they_are(recall: Asked) -> None:
    answer = recall('"of the"', POTTERY, KITCHEN, conversation("moon", "The dark side of the moon.", "Of what?", "the of"))
    assert found(answer)[0] == "moon-0"


def test_an_answer_that_shares_no_word_is_found_beside_its_question(recall: Asked) -> None:
    assert "pottery-3" in found(recall("stoneware porcelain", POTTERY, KITCHEN))


def test_a_date_in_the_question_lifts_what_was_said_then(recall: Asked) -> None:
    day = 86_400_000_000
    diary = [
        Conversation(f"d{n}", "chatgpt", None, Head(), (message(f"d{n}-0", "The boat trip.", us=(19_358 + n) * day + 1),))
        for n in range(3)  # from 1 January 2023
    ]
    assert found(recall("the boat trip on 2 January 2023", *diary))[0] == "d1-0"
    assert found(recall("die Bootsfahrt, the boat trip am 3. Januar 2023"))[0] == "d2-0"


def test_the_speaker_a_question_names_comes_first_and_a_wrong_name_hides_nothing(recall: Asked) -> None:
    talk = Conversation(
        "talk",
        "chat",
        None,
        Head(),
        (
            message("t0", "Ines, your violin is lovely; I adore the violin.", author="Ben"),
            message("t1", "My violin is from my aunt.", author="Ines"),
            message("t2", "I only play drums.", author="Ben"),
        ),
    )
    assert found(recall("Whose aunt gave Ines the violin?", talk))[0] == "t1"
    assert "t2" in found(recall("Does Ines play drums?"))[:2]


def test_units(recall: Asked) -> None:
    messages = recall("celadon stoneware", POTTERY, KITCHEN)
    windows = recall("celadon stoneware", unit="window")
    conversations = recall("celadon stoneware", unit="conversation")
    assert {item.kind for item in messages.items} == {"message"}
    assert len(windows.items) < len(messages.items), "windows that overlap are one"
    assert "user: I settled on stoneware" in windows.items[0].text
    assert [item.id for item in conversations.items] == ["pottery"]
    assert conversations.items[0].message == messages.items[0].id


def test_a_title_alone_finds_its_conversation(recall: Asked) -> None:
    answer = recall("cooking", POTTERY, KITCHEN)
    assert [(item.kind, item.id, item.text) for item in answer.items] == [("conversation", "kitchen", "Cooking")]


def test_topics_and_their_documents_are_found(recall: Asked) -> None:
    topic = Topic(
        "t", "project", "Kiln", "claude", instructions="Speak of cones.", documents=(Document("plan.md", "Build a flue."),)
    )
    answer = recall("flue", topic)
    assert [(item.kind, item.path, item.text) for item in answer.items] == [
        ("topic", ("claude", "Kiln", "plan.md"), "Build a flue.")
    ]


# --- what an item says ------------------------------------------------------------------------------------------------


def test_every_item_says_where_when_and_why(recall: Asked) -> None:
    answer = recall("which stoneware glaze", POTTERY, KITCHEN, memory("y1", "Likes stoneware.", "user_stated"), encoder=Letters())
    assert answer.items
    for item in answer.items:
        assert item.text
        assert item.path[0] == item.provider == "chatgpt"
        assert abs(sum(item.why.values()) - 1) < 0.01
        assert item.score > 0
        if item.kind == "message":
            assert item.conversation == "pottery"
            assert item.message == item.id
            assert item.time is not None
            assert item.time.startswith("1970-01-01T00:00:0")
    scores = [item.score for item in answer.items]
    assert scores == sorted(scores, reverse=True)


def test_the_order_is_the_same_each_time(recall: Asked, vault: Vault, index: EmbeddedIndex) -> None:
    twins = [conversation(f"twin{n}", "The very same words.") for n in range(30)]
    first = recall("same words", *twins, k=30)
    index.rebuild(vault.store)
    assert found(recall("same words", k=30)) == found(first)
    assert found(recall("same words", k=7)) == found(first)[:7]


# --- memories ---------------------------------------------------------------------------------------------------------


def test_rejected_never_confirmed_first_corrected_as_corrected(recall: Asked) -> None:
    answer = recall(
        "favourite colour",
        memory("y0", "The favourite colour is grey."),
        memory("y1", "The favourite colour is blue.", verdicts=(verdict("confirm"),)),
        memory("y2", "The favourite colour is pink.", verdicts=(verdict("confirm"), verdict("reject"))),
        memory("y3", "The favourite colour is moss.", verdicts=(verdict("correct", "The favourite shade is moss green."),)),
    )
    assert found(answer)[0] == "y1"
    assert "y2" not in found(answer)
    assert {item.id: item.text for item in answer.items}["y3"] == "The favourite shade is moss green."
    assert answer.items[0].why["confirmed"] > 0
    assert found(recall("colour is moss", k=50)).count("y3") == 1
    assert found(recall("shade"))[0] == "y3"


def test_many_rejected_memories_do_not_use_up_the_answer(recall: Asked) -> None:
    bad = [memory(f"y{n}", "The cat is called Ada.", verdicts=(verdict("reject"),)) for n in range(20)]
    answer = recall("cat called Ada", *bad, memory("z", "The cat is a calico; it is called Ada by the neighbours too."), k=1)
    assert found(answer) == ["z"]


# --- what must not be found -------------------------------------------------------------------------------------------


def test_a_scope_sees_as_if_the_rest_did_not_exist(recall: Asked, vault: Vault, index: EmbeddedIndex) -> None:
    """The same items in the same order. Their scores may differ a little: BM25 counts how rare a word is over all units."""
    mine = [conversation(f"mine{n}", f"The lantern number {n} hangs.", "lantern " * n) for n in range(6)]
    theirs = [conversation(f"theirs{n}", "lantern lantern lantern", provider="claude") for n in range(50)]
    alone = found(recall("the lantern number", *mine))
    scoped = recall("the lantern number", *theirs, scope=Scope(providers=("chatgpt",)))
    assert found(scoped) == alone
    encoder = Letters()
    index.embed(vault.store, encoder)
    for unit in ("message", "window", "conversation"):
        answer = recall("the lantern number", scope=Scope(providers=("chatgpt",)), encoder=encoder, unit=unit, k=100)
        assert answer.items
        assert {item.provider for item in answer.items} == {"chatgpt"}
    assert not recall("lantern", scope=Scope(kinds=("memory",)), encoder=encoder).items


def test_hidden_messages_are_not_recalled_nor_shown_beside_others(recall: Asked) -> None:
    hidden = message("h1", "The secret gate code.", visibility="hidden")
    talk = Conversation("h", "chatgpt", None, Head(), (message("h0", "Where is the gate?"), hidden, message("h2", "By the gate.")))
    for unit in ("message", "window", "conversation"):
        answer = recall("secret gate code", *([talk] if unit == "message" else []), unit=unit)
        assert answer.items
        assert all("secret" not in item.text and item.message != "h1" for item in answer.items)


# --- encoders ---------------------------------------------------------------------------------------------------------


def test_words_alone_answer_when_there_is_no_encoder_or_it_fails(recall: Asked) -> None:
    without = recall("stoneware", POTTERY)
    assert without.items
    assert "no encoder" in without.note
    broken = recall("stoneware", encoder=Broken())
    assert found(broken) == found(without)
    assert broken.encoder is None
    assert "the model is gone" in broken.note


def test_vectors_are_caught_up_with_later(recall: Asked, vault: Vault, index: EmbeddedIndex) -> None:
    encoder = Letters()
    before = recall("stoneware", POTTERY, encoder=encoder)
    assert before.encoder is None
    assert "wait for their vectors" in before.note
    index.embed(vault.store, encoder)
    after = recall("stoneware", encoder=encoder)
    assert (after.encoder, after.note) == ("letters", "")
    assert after.items[0].why["vectors"] > 0


# --- any question -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [*NAUGHTY, "what did I do?", "stoneware " * 1_000, "?!", '"', "stoneware AND NOT (", "ﬀ ² ½"])
def test_any_question_is_answered(recall: Asked, question: str) -> None:
    answer = recall(question, POTTERY, KITCHEN, encoder=Letters() if question.strip().isprintable() else None)
    assert answer.query == question
    assert len(answer.items) <= 10
    assert bool(answer.items) >= ("stoneware" in question)


def test_a_question_of_common_words_alone_still_finds_them(recall: Asked) -> None:
    assert found(recall("what do I do", POTTERY, KITCHEN))[0] in ("kitchen-0", "kitchen-4")


def test_nothing_is_nothing(recall: Asked) -> None:
    assert not recall("stoneware", k=0).items
    assert not recall("stoneware", POTTERY, k=0).items
    assert not recall("").items
    assert not recall("quasar").items


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text(max_size=80), k=st.integers(0, 5))
def test_law_any_text_is_a_question(vault: Vault, index: EmbeddedIndex, question: str, k: int) -> None:
    if not vault.store.live():
        put(vault.store, POTTERY, KITCHEN)
    answer = ask(question, k, store=vault.store, index=index, encoder=None)
    assert len(answer.items) <= k
    assert len(set(found(answer))) == len(answer.items)


# --- where and when it is asked ---------------------------------------------------------------------------------------


def test_what_was_said_in_the_project_it_is_asked_from_counts_more(recall: Asked) -> None:
    texts = {"a": "The deadline is the ninth of the month.", "b": "The deadline is the first of the month."}
    told = [conversation(f"c-{name}", text, project=f"t-{name}") for name, text in texts.items()]
    projects = [Topic(f"t-{name}", "project", name.upper(), "chatgpt", f"p-{name}") for name in texts]
    recall("", *told, *projects)
    for name in texts:
        first = recall("when is the deadline?", project=f"t-{name}").items[0]
        assert first.conversation == f"c-{name}"
        assert first.why["project"] > 0
    assert "project" not in recall("when is the deadline?").items[0].why


def test_what_holds_now_prefers_the_newest_and_shows_the_older(recall: Asked) -> None:
    said = [
        Conversation(f"c{n}", "chatgpt", None, Head(), (message(f"m{n}", "I live in " + town, us=(1 + 400 * n) * 86_400_000_000),))
        for n, town in enumerate(("Lyon.", "Metz.", "Nice."))
    ]
    answer = recall("where do I currently live?", *said)
    assert answer.kind == "changed"
    assert [item.message for item in answer.items] == ["m2", "m1", "m0"]
