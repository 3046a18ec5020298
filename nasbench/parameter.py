"""One position of a genotype: its name, its choices, and how a text says one of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from nasbench.errors import GenotypeError

Value: TypeAlias = str | int | float


@dataclass(frozen=True)
class Parameter:
    """One position of a genotype.

    Args:
        name: what the position decides (`edge 0->1`, `batch_size`).
        choices: the values, in the order of the genotype's integers.
        ordered: True where neighbouring integers are neighbouring values (a learning rate).

    Raises:
        GenotypeError: no choices, one twice, or a name or choice that text could not give back.
    """

    name: str
    choices: tuple[Value, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        if not self.choices:
            raise GenotypeError(f"parameter {self.name!r} has no choices; give at least one")
        if not all(isinstance(choice, str | int | float) for choice in self.choices):
            raise GenotypeError(f"parameter {self.name!r}: a choice is a text or a number, got {self.choices}")
        if len(set(self.choices)) != len(self.choices) or len(set(map(str, self.choices))) != len(self.choices):
            raise GenotypeError(f"parameter {self.name!r} lists a choice twice: {self.choices}")
        for text, forbidden in ((self.name, ",="), *((c, ",") for c in self.choices if isinstance(c, str))):
            if not text or text != text.strip() or any(mark in text for mark in forbidden):
                raise GenotypeError(
                    f"parameter {self.name!r}: {text!r} is empty, has outer blanks or one of {forbidden!r}, "
                    f"so that `name=choice,...` could not be read back"
                )

    def __len__(self) -> int:
        return len(self.choices)


def choice_of(parameter: Parameter, text: str) -> int:
    """Position of the choice that a text says; numbers may be written in any way (`1e-3`).

    Raises:
        GenotypeError: the parameter has no such choice; names the nearest.
    """
    for position, choice in enumerate(parameter.choices):
        if str(choice) == text:
            return position
    for position, choice in enumerate(parameter.choices):
        if isinstance(choice, int | float) and _is_number(text) and float(text) == float(choice):
            return position
    raise unknown_choice(f"choice of {parameter.name}", text, parameter.choices)


def unknown_choice(what: str, name: object, known: Iterable[object]) -> GenotypeError:
    """The error for an operation, choice or parameter that does not exist: lists all, names the nearest."""
    names = [str(value) for value in known]
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    nearest = f" Did you mean {close[0]!r}?" if close else ""
    return GenotypeError(f"unknown {what} {name!r}.{nearest} There are: {', '.join(names)}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
