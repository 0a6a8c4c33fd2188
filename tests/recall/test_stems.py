"""Other forms of a question's words, by words alone."""

from __future__ import annotations

import pytest

from souviens.recall.stems import stems_of
from tests.index.contract import conversation
from tests.recall.conftest import Asked

FILLER = conversation("other", "Nothing of the kind stands here.", "No.")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which glazes was I painting with?", "I painted it with a celadon glaze."),
        ("Quelles recettes est-ce que j'ai préparées ?", "Je prépare une recette de soupe."),
        ("¿Qué canciones he cantado?", "Ayer cantamos una canción de Violeta."),
        ("Welche Wohnungen habe ich besichtigt?", "Die Wohnung in der Altstadt gefällt mir."),
        ("Quali città ho visitato?", "La visita alla città di Lecce mi piace."),
        ("какие книги я читал", "Я читаю книгу о море."),
        ("ما هي الكتب التي قرأت في المكتبة", "زرت مكتبة المدينة"),
        ("मैंने कौन सी किताबें पढ़ीं", "मुझे यह किताब मिली"),
    ],
)
def test_other_forms_of_a_word_are_found_with_words_alone(recall: Asked, question: str, said: str) -> None:
    assert recall(question, FILLER, conversation("told", said)).items[0].id == "told-0"


def test_short_words_and_unknown_languages_have_no_stems() -> None:
    assert stems_of("mer", "fr") == ()
    assert stems_of("painting", "en") == (), "the index stems English itself"
    assert stems_of("painting", None) == ()
