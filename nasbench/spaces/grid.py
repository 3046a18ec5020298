"""Grids of choices: joint architecture + hyper-parameter tables, and a user's own space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasbench.parameter import Parameter, Value
from nasbench.space import SearchSpace


class GridSpace(SearchSpace):
    """Every combination of the named choices.

    `GridSpace.of` makes a parameter ordered if its choices are numbers that only rise or only fall;
    others, truth values included, are categorical. Give `Parameter` objects to decide yourself.

    Example:
        >>> space = GridSpace.of({"width": [16, 32, 64], "activation": ["relu", "tanh"]})
        >>> space.size, space.parse("width=32,activation=tanh")
        (6, (1, 1))
    """

    kind = "grid"

    @classmethod
    def of(cls, choices: Mapping[str, Sequence[Value]]) -> GridSpace:
        """A grid from `name -> choices`.

        Raises:
            GenotypeError: a name or choice that no genotype's text could give back.
        """
        return cls([Parameter(name, tuple(values), _monotone(values)) for name, values in choices.items()])


def _monotone(values: Sequence[Value]) -> bool:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return len(numbers) == len(values) and numbers in (sorted(numbers), sorted(numbers, reverse=True))
