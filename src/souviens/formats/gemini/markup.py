"""Answers are HTML; here they become text to read, search and hand on: Markdown, as far as their markup has a word in it.

The exact HTML stays beside it. Scripts and styles are nobody's words, and are left to it. Tags are found by a pattern and not by
`html.parser`, which took nine minutes for 200 KB of "<a <a <a" (Python 3.11): whatever is no whole tag is text here.
"""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>")
_ATTRIBUTE = re.compile(r"\b(href|alt)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_UNEVEN = ("  ", "\n", "\t", "\r", "\f")
_SILENT = ("script", "style", "template")
_BLOCKS = frozenset({"p", "div", "section", "article", "table", "blockquote", "hr", "h1", "h2", "h3", "h4", "h5", "h6"})
_LISTS = ("ul", "ol")
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "del": "~~"}


def plain_text(markup: str) -> str:
    """The words of a piece of HTML as Markdown."""
    words = _Words()
    here, silent = 0, ""
    for tag in _TAG.finditer(markup):
        closing, name = bool(tag[1]), tag[2].lower()
        if not silent:
            words.say(unescaped(markup[here : tag.start()]))
            words.tag(name, closing, tag[3])
            silent = name if name in _SILENT and not closing else ""
        elif closing and name == silent:
            silent = ""
        here = tag.end()
    if not silent:
        words.say(unescaped(markup[here:]))
    return words.text()


def unescaped(text: str) -> str:
    """The characters that references like "&amp;" stand for."""
    try:
        return html.unescape(text)
    except ValueError:  # a number of more digits than Python reads
        return text


class _Words:
    """Text under construction. lists: for each open list the number of its next item, 0 for bullets."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._breaks = 2  # line breaks at the end, so that none is made twice
        self._lists: list[int] = []
        self._links: list[str] = []
        self._pre = self._cells = 0

    def text(self) -> str:
        return "".join(self._out).strip()

    def say(self, text: str) -> None:
        if not self._pre:
            # Looked for first: a pattern that finds every single space is half of the reading of a page.
            if any(map(text.__contains__, _UNEVEN)):
                text = _SPACES.sub(" ", text)
            text = text.lstrip(" ") if self._breaks else text
        if text:
            self._put(text)

    def tag(self, name: str, closing: bool, attributes: str) -> None:
        if name == "br":
            self._put("\n")
        elif name in _BLOCKS:
            self._block(name, closing)
        elif name in _LISTS:
            self._list(name, closing)
        elif name == "li" and not closing:
            self._item()
        elif name == "pre":
            self._fence(closing)
        elif name in ("tr", "td", "th", "thead"):
            self._cell(name, closing)
        elif name == "a":
            self._link(closing, attributes)
        elif name == "code" and not self._pre:
            self._put("`")
        elif name == "img":
            self._put(_attribute(attributes, "alt"))
        else:
            self._put(_MARKS.get(name, ""))

    def _put(self, text: str) -> None:
        if text:
            self._out.append(text)
            ends = len(text) - len(text.rstrip("\n"))
            self._breaks = ends + (self._breaks if ends == len(text) else 0)

    def _break(self, lines: int) -> None:
        """At least so many line breaks."""
        if lines > self._breaks:
            self._put("\n" * (lines - self._breaks))

    def _block(self, name: str, closing: bool) -> None:
        # A paragraph of a list item stays on the line of its mark.
        if self._lists:
            self._break(1 if closing else 0)
            return
        self._break(2)
        if name == "hr":
            self._put("---\n\n")
        elif name == "blockquote" and not closing:
            self._put("> ")
        elif name[1:].isdigit() and not closing:
            self._put("#" * int(name[1:]) + " ")

    def _list(self, name: str, closing: bool) -> None:
        if closing:
            del self._lists[-1:]
        self._break(1 if self._lists else 2)
        if not closing:
            self._lists.append(int(name == "ol"))

    def _item(self) -> None:
        mark = "- "
        if self._lists and self._lists[-1]:
            mark = f"{self._lists[-1]}. "
            self._lists[-1] += 1
        self._break(1)
        self._put("  " * min(len(self._lists) - 1, 20) + mark)

    def _fence(self, closing: bool) -> None:
        self._pre = max(0, self._pre + (-1 if closing else 1))
        self._break(1 if closing or self._lists else 2)
        self._put("```\n")
        if closing and not self._lists:
            self._break(2)

    def _cell(self, name: str, closing: bool) -> None:
        if name == "tr" and not closing:
            self._cells = 0
            self._break(1)
            self._put("|")
        elif name in ("td", "th"):
            self._cells += closing
            self._put(" |" if closing else " ")
        elif name == "thead" and closing:
            self._break(1)
            self._put("|" + " --- |" * self._cells)

    def _link(self, closing: bool, attributes: str) -> None:
        if not closing:
            self._links.append(_attribute(attributes, "href"))
            self._put("[" if self._links[-1] else "")
        elif self._links:
            href = self._links.pop()
            self._put(f"]({href})" if href else "")


def _attribute(attributes: str, name: str) -> str:
    found = next((match for match in _ATTRIBUTE.finditer(attributes) if match[1] == name), None)
    return unescaped(found[2] or found[3] or "") if found else ""
