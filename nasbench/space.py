"""What an architecture is: a fixed-length tuple of small ints, and the space of all of them.

Everything generic is written here once on that idea. `SearchSpace` is the full product of its
parameters' choices; `nasbench.spaces.constrained` lists the valid members of such a product. A space
overrides only what is special about it: text form, validity, canonical form, graph view.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod
from operator import getitem
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter, choice_of, unknown_choice

Genotype: TypeAlias = tuple[int, ...]
Genotypes: TypeAlias = NDArray[np.integer[Any]]

ENUMERABLE_LIMIT = 2_000_000
"""Spaces up to this size may be listed in memory; larger ones are sampled."""

_CHUNK = 1 << 14
"""Rows that are coded at a time, so that they stay in the processor's cache."""


class SearchSpace:
    """The product of its parameters' choices.

    Immutable: `copy`, `deepcopy` and scikit-learn's `clone` return the space itself; equality,
    hashing and pickling go by its definition.

    Args:
        parameters: one `Parameter` a position, G in all.

    Attributes:
        parameters: the tuple of `Parameter`.
        cardinalities: number of choices at each position, a tuple of G ints.
        size: exact number of valid genotypes (a Python int, also for 10^18).
    """

    kind: ClassVar[str] = "grid"

    local_moves: ClassVar[bool] = False
    """Whether a neighbour may differ in many positions, so that distance between genotypes says little."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        if not self.parameters:
            raise GenotypeError("a search space needs at least one parameter")
        self.cardinalities: tuple[int, ...] = tuple(len(p) for p in self.parameters)
        self._strides = tuple(prod(self.cardinalities[i + 1 :]) for i in range(self.length))
        places = [range(0, c * s, s) for c, s in zip(self.cardinalities, self._strides, strict=True)]
        self._places = tuple(tuple(p) if len(p) <= 1024 else p for p in places)

    # -- identity -------------------------------------------------------------------------------

    def definition(self) -> dict[str, Any]:
        """JSON values that are enough to rebuild the space with `nasbench.spaces.from_definition`."""
        return {
            "parameters": [{"name": p.name, "choices": list(p.choices), "ordered": p.ordered} for p in self.parameters]
        }

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> SearchSpace:
        """The inverse of `definition`."""
        return cls([Parameter(p["name"], tuple(p["choices"]), p["ordered"]) for p in definition["parameters"]])

    @cached_property
    def sha256(self) -> str:
        """Digest of kind and definition: equal spaces, and only they, have equal digests."""
        text = json.dumps({"kind": self.kind, **self.definition()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchSpace) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __copy__(self) -> SearchSpace:
        return self

    def __deepcopy__(self, memo: object) -> SearchSpace:
        return self

    def __sklearn_clone__(self) -> SearchSpace:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).from_definition, (self.definition(),))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.size:,} architectures of {self.length} choices>"

    def __len__(self) -> int:
        return self.size

    # -- shape ----------------------------------------------------------------------------------

    @property
    def length(self) -> int:
        """Number of positions G of a genotype."""
        return len(self.parameters)

    @property
    def size(self) -> int:
        """Exact number of valid genotypes."""
        return prod(self.cardinalities)

    @property
    def enumerable(self) -> bool:
        """Whether all genotypes may be listed in memory."""
        return self.size <= ENUMERABLE_LIMIT

    # -- validity -------------------------------------------------------------------------------

    def check(self, genotypes: ArrayLike) -> Genotypes:
        """The batch as an integer array `(n, G)`, if each row is valid.

        Args:
            genotypes: `(n, G)` or a single `(G,)`.

        Raises:
            GenotypeError: wrong shape, no integers, out of range, or an invalid architecture.
        """
        batch = self._in_range(genotypes)
        bad = np.flatnonzero(~self._valid(batch))
        if bad.size:
            raise GenotypeError(self._why_invalid(tuple(batch[bad[0]].tolist())))
        return batch

    def valid(self, genotypes: ArrayLike) -> NDArray[np.bool_]:
        """Which of the `(n, G)` rows are architectures of this space, as `(n,)` bools."""
        batch = self._as_batch(genotypes)
        inside = ((batch >= 0) & (batch < np.asarray(self.cardinalities))).all(axis=1)
        result = np.zeros(len(batch), dtype=bool)
        result[inside] = self._valid(batch[inside])
        return result

    def _valid(self, batch: Genotypes) -> NDArray[np.bool_]:
        """Validity of rows that are already in range; a constrained space overrides this."""
        return np.ones(len(batch), dtype=bool)

    def _why_invalid(self, genotype: Genotype) -> str:
        return f"{genotype} is not a valid architecture of this space ({self!r})"

    def _as_batch(self, genotypes: ArrayLike) -> Genotypes:
        try:
            batch = np.asarray(genotypes)
        except ValueError:
            raise GenotypeError(f"genotypes of unequal length; each needs {self.length} integers") from None
        if batch.ndim == 1 and batch.size:
            batch = batch[None, :]
        if batch.ndim != 2 or batch.shape[1] != self.length:
            if batch.ndim <= 2 and batch.shape[:1] == (0,):
                return np.empty((0, self.length), dtype=np.int64)
            raise GenotypeError(
                f"expected genotypes of {self.length} integers, got an array of shape {np.shape(genotypes)}"
            )
        if batch.dtype.kind not in "iu":
            raise GenotypeError(f"a genotype is made of integers, got {batch.dtype}")
        return batch

    def _in_range(self, genotypes: ArrayLike) -> Genotypes:
        batch = self._as_batch(genotypes)
        self._check_range(batch)
        return batch

    def _check_range(self, batch: Genotypes) -> None:
        if not len(batch):
            return
        low, high = _extremes(batch)
        inside = (low >= 0) & (high < np.asarray(self.cardinalities))
        if not inside.all():
            position = int(np.flatnonzero(~inside)[0])
            column, choices = batch[:, position], self.cardinalities[position]
            row = int(np.flatnonzero((column < 0) | (column >= choices))[0])
            raise GenotypeError(
                f"genotype {tuple(batch[row].tolist())}: position {position} "
                f"({self.parameters[position].name}) is {int(column[row])}, "
                f"but must be 0 to {choices - 1}"
            )

    # -- index <-> genotype ---------------------------------------------------------------------

    def index(self, genotype: Genotype) -> int:
        """Rank of one genotype in the space's order, 0 to size - 1 (the fast scalar path).

        Raises:
            GenotypeError: the genotype is not one of this space.
        """
        return self._code(genotype)

    def _code(self, genotype: Genotype) -> int:
        """Mixed-radix code of one genotype; each place value is looked up, which refuses floats."""
        try:
            if len(genotype) == self.length and min(genotype) >= 0:
                return sum(map(getitem, self._places, genotype))
        except (TypeError, IndexError, ValueError):
            pass
        self._in_range([genotype])
        raise GenotypeError(f"{genotype!r} is no genotype; expected a tuple of {self.length} integers")

    def indices(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        """Ranks `(n,)` of the `(n, G)` genotypes in the space's order; inverse of `genotypes`.

        Raises:
            GenotypeError: a row is not an architecture of this space.
        """
        return self._codes(self._as_batch(genotypes))

    def genotypes(self, indices: ArrayLike) -> Genotypes:
        """The `(n, G)` genotypes of the ranks `(n,)`; inverse of `indices`.

        Raises:
            GenotypeError: a rank is outside 0 to size - 1.
        """
        return self._decode(self._check_ranks(indices))

    def _check_ranks(self, indices: ArrayLike) -> NDArray[np.int64]:
        self._need_indexable()
        ranks = np.atleast_1d(np.asarray(indices))
        if ranks.size == 0:
            return np.empty(0, dtype=np.int64)
        if ranks.dtype.kind not in "iu" or ranks.min() < 0 or ranks.max() >= self.size:
            raise GenotypeError(f"an index of this space is an integer from 0 to {self.size - 1}")
        return ranks.astype(np.int64, copy=False)

    def _need_indexable(self) -> None:
        if prod(self.cardinalities) >= 2**63:
            raise GenotypeError(f"a space of {self.size} architectures has no 64-bit index; use sample()")

    def _codes(self, batch: Genotypes) -> NDArray[np.int64]:
        """Mixed-radix codes of a batch, range-checked.

        A product with the place values, in the narrowest type that holds every code exactly: a
        float product is many times faster than an integer one.
        """
        self._need_indexable()
        largest = prod(self.cardinalities)
        exact = np.float32 if largest < 2**24 else np.float64 if largest < 2**53 else np.int64
        strides: NDArray[Any] = np.asarray(self._strides, dtype=exact)
        codes = np.empty(len(batch), dtype=np.int64)
        for begin in range(0, len(batch), _CHUNK):
            part = batch[begin : begin + _CHUNK]
            self._check_range(part)
            values: NDArray[Any] = part.astype(exact)
            codes[begin : begin + _CHUNK] = values @ strides
        return codes

    def _decode(self, codes: NDArray[np.int64]) -> Genotypes:
        out = np.empty((len(codes), self.length), dtype=np.int64)
        for position, (stride, choices) in enumerate(zip(self._strides, self.cardinalities, strict=True)):
            out[:, position] = codes // stride % choices
        return out

    def all(self) -> Genotypes:
        """Every genotype in rank order, `(size, G)`.

        Raises:
            GenotypeError: the space is too large to be listed.
        """
        if not self.enumerable:
            raise GenotypeError(f"{self.size:,} architectures cannot be listed in memory; use sample()")
        return self._decode_all()

    def _decode_all(self) -> Genotypes:
        return self.genotypes(np.arange(self.size))

    # -- randomness: only from the Generator that is passed -----------------------------------------

    def sample(self, rng: np.random.Generator, n: int = 1) -> Genotypes:
        """`n` genotypes drawn uniformly over the valid ones, with replacement, `(n, G)`."""
        return rng.integers(0, self.cardinalities, size=(n, self.length))

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """A valid genotype that differs in one position: the position uniform, then its new value.

        Positions with a single choice are never picked. One uniform number is consumed. As the step
        of every evolutionary inner loop it trusts that the genotype is one of this space.
        """
        movable = self._movable
        if not movable:
            raise GenotypeError("a space of one architecture has nothing to mutate to")
        u = rng.random() * len(movable)
        which = int(u)
        position = movable[which]
        value = int((u - which) * (self.cardinalities[position] - 1))
        value += value >= genotype[position]
        return (*genotype[:position], value, *genotype[position + 1 :])

    @cached_property
    def _movable(self) -> tuple[int, ...]:
        return tuple(i for i, choices in enumerate(self.cardinalities) if choices > 1)

    def crossover(self, first: Genotype, second: Genotype, rng: np.random.Generator) -> Genotype:
        """A valid child: each position from either parent with probability one half."""
        return tuple(
            a if u < 0.5 else b for a, b, u in zip(first, second, rng.random(self.length).tolist(), strict=True)
        )

    # -- structure ------------------------------------------------------------------------------

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """All valid genotypes that differ in exactly one position, in order of position, then value.

        Raises:
            GenotypeError: the genotype has the wrong length or is out of range.
        """
        self._code(genotype)
        return [
            (*genotype[:i], value, *genotype[i + 1 :])
            for i, choices in enumerate(self.cardinalities)
            for value in range(choices)
            if value != genotype[i]
        ]

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """Representative of each architecture's functional class, `(n, G)`; here the genotype itself."""
        return self.check(genotypes)

    def listed_form(self, genotypes: ArrayLike) -> Genotypes:
        """The genotypes `(n, G)` under which a table lists these architectures; here themselves.

        A space that can write one architecture in several ways accepts all of them here and gives the
        one that is valid. Unlike `canonical` it never joins architectures that have rows of their own.

        Raises:
            GenotypeError: a row is not an architecture of this space.
        """
        return self.check(genotypes)

    # -- text -----------------------------------------------------------------------------------

    def format(self, genotype: Genotype) -> str:
        """The architecture as text that `parse` reads back; here `name=value` pairs."""
        self.check([genotype])
        return ",".join(f"{p.name}={p.choices[g]}" for p, g in zip(self.parameters, genotype, strict=True))

    def parse(self, text: str) -> Genotype:
        """The genotype of a text: what `format` writes, or plain integers `4,2,1,2,1,1`.

        Raises:
            GenotypeError: the text is no architecture of this space.
        """
        if not isinstance(text, str):
            raise GenotypeError(f"expected the text of an architecture, got {type(text).__name__}")
        parts = [part.strip() for part in text.strip().strip("()[]").split(",")]
        if all(re.fullmatch(r"-?[0-9]{1,18}", part) for part in parts):
            return self._tuple([int(part) for part in parts])
        given: dict[str, str] = {}
        for part in parts:
            name, equals, value = part.partition("=")
            if not equals or name.strip() in given:
                raise GenotypeError(f"{text!r}: {part!r} is no new name=choice; expected e.g. {self._example()!r}")
            given[name.strip()] = value
        genotype = []
        for parameter in self.parameters:
            if parameter.name not in given:
                raise GenotypeError(f"{text!r} does not say {parameter.name!r}; expected e.g. {self._example()!r}")
            genotype.append(choice_of(parameter, given.pop(parameter.name).strip()))
        if given:
            raise unknown_choice("parameter", next(iter(given)), [p.name for p in self.parameters])
        return self._tuple(genotype)

    def _example(self) -> str:
        return self.format((0,) * self.length)

    def _tuple(self, genes: Sequence[int]) -> Genotype:
        return tuple(self.check([list(genes)])[0].tolist())


def _extremes(batch: Genotypes) -> tuple[Genotypes, Genotypes]:
    """Smallest and largest integer of each column of a non-empty `(n, G)` batch.

    Rows are joined sixty-four at a time: a reduction over long rows runs at memory speed, one over
    rows of a few genes thirty times slower.
    """
    joined = len(batch) // 64
    if joined < 4:
        return batch.min(axis=0), batch.max(axis=0)
    length = batch.shape[1]
    wide, rest = batch[: 64 * joined].reshape(joined, 64 * length), batch[64 * joined :]
    low = np.concatenate([wide.min(axis=0).reshape(64, length), rest]).min(axis=0)
    high = np.concatenate([wide.max(axis=0).reshape(64, length), rest]).max(axis=0)
    return low, high
