"""The typed errors: each says what was wrong, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NasbenchError(Exception):
    """Base of every error that this library raises on purpose."""


class UnknownNameError(NasbenchError, LookupError):
    """A benchmark, metric, strategy, operation or other name that does not exist."""

    def __init__(self, kind: str, name: object, known: Iterable[str], hint: str = "") -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        close = difflib.get_close_matches(str(name), self.known, n=1, cutoff=0.4)
        nearest = f" Did you mean {close[0]!r}?" if close else ""
        listed = ", ".join(self.known[:100]) + (", ..." if len(self.known) > 100 else "")
        super().__init__(f"unknown {kind} {name!r}.{nearest} Known: {listed or 'none'}.{' ' + hint if hint else ''}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.kind, self.name, self.known))


class GenotypeError(NasbenchError, ValueError):
    """A genotype of the wrong length or range, an invalid cell, or text that is no architecture."""


class NotInTableError(NasbenchError, LookupError):
    """A valid architecture that a partial table does not list."""


class NoTableError(NasbenchError, LookupError):
    """A question that only a table can answer (its rows, its columns), put to a benchmark without one."""


class TableError(NasbenchError):
    """A table file that is missing, truncated, altered, foreign, or cannot be written."""


class UnsafeFileError(TableError):
    """A file that asks to execute code, or that is larger than it may be; nothing of it was run."""


class ImportFileError(TableError):
    """An input file whose contents do not make a table; names the line or record."""


class TaskError(NasbenchError, ValueError):
    """A task that cannot be run as asked: budget, objective, repeat policy, fidelity."""


class StrategyError(NasbenchError, ValueError):
    """A strategy with unusable parameters, or one that broke the ask/tell contract."""


class MissingExtraError(NasbenchError, ImportError):
    """A part that needs an optional dependency; names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        self.what, self.extra = what, extra
        super().__init__(f"{what} needs an optional part: pip install 'nasbench-arena[{extra}]'")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.what, self.extra))


class RecordsError(NasbenchError):
    """A run store that is not one of ours, is damaged, or cannot be written."""
