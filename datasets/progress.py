"""How far a long import is: importers say it, a command that listens shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias, TypeVar

Item = TypeVar("Item")

Listener: TypeAlias = Callable[[str, int, int | None], None]
"""Called with what is counted, how many are done, and how many there are (None: not known)."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send to a listener what importers say inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(what: str, done: int, total: int | None = None) -> None:
    """Say how far it is; costs next to nothing where nobody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(what, done, total)


def track(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """The items, one after another, each reported when it is done with."""
    report(what, 0, total)
    for done, item in enumerate(items, 1):
        yield item
        report(what, done, total)
