"""The fields of a JSON object, each taken once and checked: for files that are trusted with nothing."""

from __future__ import annotations

from typing import Any

from nasbench.errors import TableError


class Fields:
    """The fields of one JSON object.

    Every method takes a field by its name and raises `TableError` where it is missing or of another
    kind; `end` raises it where one is left.

    Args:
        value: the object.
        source: what it is, for errors.
    """

    def __init__(self, value: Any, source: str) -> None:
        if not isinstance(value, dict):
            raise TableError(f"{source} must be an object of fields")
        self._left: dict[str, Any] = dict(value)
        self.source = source

    def _take(self, name: str, kinds: type | tuple[type, ...], what: str) -> Any:
        if name not in self._left:
            raise TableError(f"{self.source}: {name!r} is missing")
        value = self._left.pop(name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise TableError(f"{self.source}: {name!r} must be {what}")
        return value

    def text(self, name: str) -> str:
        """A text."""
        return str(self._take(name, str, "a text"))

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        """A text that is one of some."""
        value = self.text(name)
        if value not in known:
            raise TableError(f"{self.source}: {name!r} must be one of {', '.join(known)}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self._take(name, bool, "true or false"))

    def whole(self, name: str) -> int:
        """A whole number from 0, of 63 bits."""
        value = int(self._take(name, int, "a whole number"))
        if not 0 <= value < 2**63:
            raise TableError(f"{self.source}: {name!r} must be a whole number from 0")
        return value

    def number(self, name: str) -> float:
        """A finite number."""
        return _finite(self._take(name, (int, float), "a number"), f"{self.source}: {name!r}")

    def numbers(self, name: str) -> list[float]:
        """A list of finite numbers."""
        return [_finite(value, f"{self.source}: {name!r}") for value in self.listed(name)]

    def wholes(self, name: str) -> list[int]:
        """A list of whole numbers."""
        values = self.listed(name)
        if not all(type(value) is int for value in values):
            raise TableError(f"{self.source}: {name!r} must hold whole numbers")
        return list(values)

    def listed(self, name: str) -> list[Any]:
        """A list of anything."""
        return list(self._take(name, list, "a list"))

    def mapping(self, name: str) -> dict[str, Any]:
        """An object of anything."""
        return dict(self._take(name, dict, "an object"))

    def record(self, name: str) -> Fields:
        """An object, field by field."""
        return Fields(self.mapping(name), f"{self.source}: {name}")

    def records(self, name: str, most: int) -> list[Fields]:
        """A list of so many objects at most, each field by field."""
        values = self.listed(name)
        if len(values) > most:
            raise TableError(f"{self.source}: {name!r} may have up to {most} entries")
        return [Fields(value, f"{self.source}: {name} {place}") for place, value in enumerate(values)]

    def is_null(self, name: str) -> bool:
        """Whether the field is there and null; it is taken then."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return True
        return False

    def end(self) -> None:
        """Nothing may be left."""
        if self._left:
            raise TableError(f"{self.source}: unknown field {next(iter(self._left))!r}")


def _finite(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300 or value != value:
        raise TableError(f"{where} must be a finite number")
    return float(value)
