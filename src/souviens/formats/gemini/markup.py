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
_CELLS = ("tr", "td", "th", "thead")
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "del": "~~"}


def plain_text(markup: str) -> str:
    """The words of a piece of HTML as Markdown."""
    tag = markup.find("<")
    if tag < 0:
        return _line(markup)
    if tag == 0 and markup[:3] == "<p>" and markup.find("<", 3) == len(markup) - 4 and markup[-4:] == "</p>":
        return _line(markup[3:-4])  # one paragraph, as most short answers are
    words = _Words(even=_is_even(markup))
    silent = ""
    text, *tags = _TAG.split(markup)
    words.say(text)
    for slash, name, attributes, text in zip(*[iter(tags)] * 4, strict=True):
        name = name.lower()
        if silent:
            if not slash or name != silent:
                continue
            silent = ""
        else:
            words.tag(name, bool(slash), attributes)
            if name in _SILENT and not slash:
                silent = name
                continue
        if text:
            words.say(text)
    return words.text()


def unescaped(text: str) -> str:
    """The characters that references like "&amp;" stand for."""
    if "&" not in text:
        return text
    try:
        return html.unescape(text)
    except ValueError:  # a number of more digits than Python reads
        return text


def _line(html: str) -> str:
    """The words of HTML without a tag."""
    text = unescaped(html)
    return (text if _is_even(text) else _SPACES.sub(" ", text)).strip()


def _is_even(text: str) -> bool:
    """Whether all white space in it is single spaces. Asked first: to replace every single one is half of the reading of a page."""
    return not any(map(text.__contains__, _UNEVEN))


class _Words:
    """Text under construction. even: whether there is no white space but single spaces in the HTML as it stands.

    lists: for each open list the number of its next item, 0 for bullets."""

    def __init__(self, *, even: bool) -> None:
        self._even = even
        self._out: list[str] = []
        self._breaks = 2  # line breaks at the end, so that none is made twice
        self._lists: list[int] = []
        self._links: list[str] = []
        self._pre = self._cells = 0

    def text(self) -> str:
        return "".join(self._out).strip()

    def say(self, html: str) -> None:
        text = unescaped(html)
        if not self._pre:
            if not (self._even and text is html):
                text = _SPACES.sub(" ", text)
            text = text.lstrip(" ") if self._breaks else text
        if text:
            self._put(text)

    def tag(self, name: str, closing: bool, attributes: str) -> None:
        if name in _MARKS:
            self._put(_MARKS[name])
        elif name in _BLOCKS:
            self._block(name, closing)
        elif name == "br":
            self._put("\n")
        elif name in _LISTS:
            self._list(name, closing)
        elif name == "li":
            self._item(closing)
        elif name == "code":
            self._put("" if self._pre else "`")
        elif name == "a":
            self._link(closing, attributes)
        elif name == "pre":
            self._fence(closing)
        elif name in _CELLS:
            self._cell(name, closing)
        elif name == "img":
            self._put(_attribute(attributes, "alt"))

    def _put(self, text: str) -> None:
        if text:
            self._out.append(text)
            ends = len(text) - len(text.rstrip("\n")) if text[-1] == "\n" else 0
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

    def _item(self, closing: bool) -> None:
        if closing:
            return
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
