"""How far a long command has come, on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY = 10.0  # seconds between lines where there is no terminal


@contextmanager
def lines(tell: Callable[[str], None]) -> Iterator[Callable[[str, int, int], None]]:
    """A line now and then, for logs."""
    last = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            tell(f"{what}: {100 * done // max(total, 1)} %")

    yield report


@contextmanager
def bar(no_color: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar that vanishes at the end, with the time that is left."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, no_color=no_color)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        tasks: dict[str, object] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(escape(what), total=total)
            shown.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]  # rich's TaskID is an int in disguise

        yield report
