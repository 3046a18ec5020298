"""A registry is a literal table `name -> ("module:Class", extra)` plus entry points.

Listing imports nothing; creating imports one module and names a missing extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from nasbench.errors import MissingExtraError, UnknownNameError

Table = Mapping[str, tuple[str, str | None]]


class Registry:
    """Names of one concept and where their classes live.

    Args:
        concept: what is registered, in the singular (`strategy`).
        table: name -> ("module:Class", the extra that it needs or None).
        group: entry-point group through which third parties add names.
    """

    def __init__(self, concept: str, table: Table, group: str) -> None:
        self.concept, self.table, self.group = concept, dict(table), group

    def names(self) -> list[str]:
        """All names, ours and third parties', sorted; imports nothing."""
        return sorted({*self.table, *(point.name for point in entry_points(group=self.group))})

    def get(self, name: str) -> Any:
        """The class behind a name.

        Raises:
            UnknownNameError: no such name.
            MissingExtraError: its optional dependency is not installed.
        """
        if name in self.table:
            target, extra = self.table[name]
            module, _, attribute = target.partition(":")
            try:
                return getattr(import_module(module), attribute)
            except ModuleNotFoundError as error:
                if extra is None or (error.name or "").startswith("nasbench"):
                    raise
                raise MissingExtraError(f"{self.concept} {name!r}", extra) from error
        for point in entry_points(group=self.group):
            if point.name == name:
                return point.load()
        raise UnknownNameError(self.concept, name, self.names())
