"""Other forms of a question's words, in languages other than English, which the index stems itself.

The index holds words as they stand. A form is found by the beginning it shares with others: Snowball's stem of the asked word, in
the question's language. Words of fewer letters than `SHORTEST` have no stem here: too much would begin with it.
"""

from __future__ import annotations

from functools import lru_cache

SHORTEST = 4
_SNOWBALL = {
    "fr": "french",
    "es": "spanish",
    "pt": "portuguese",
    "it": "italian",
    "de": "german",
    "nl": "dutch",
    "sv": "swedish",
    "da": "danish",
    "ru": "russian",
    "tr": "turkish",
    "id": "indonesian",
    "hi": "hindi",
    "ar": "arabic",
    "el": "greek",
}
_PROCLITICS = {"ar": ("", "ال", "و", "ب", "ل", "لل", "وال", "بال")}  # written onto the word; Snowball takes them off


@lru_cache(maxsize=1_024)
def stems_of(word: str, language: str | None) -> tuple[str, ...]:
    """Beginnings of words that are other forms of this one; none if the language is unknown, or the word short or several."""
    if language not in _SNOWBALL or len(word) < SHORTEST or " " in word:
        return ()
    import snowballstemmer  # only where a question is asked in one of these languages

    stem = snowballstemmer.stemmer(_SNOWBALL[language]).stemWord(word.lower())
    starts = [before + stem for before in _PROCLITICS.get(language, ("",))]
    return tuple(start for start in starts if len(stem) >= SHORTEST - 1 and len(start) >= SHORTEST)
