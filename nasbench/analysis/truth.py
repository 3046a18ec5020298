"""What a run is scored against: the table's means over training runs, its optimum, its test floor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VALUE_TOLERANCE = 1e-9
"""Two means this close are the same value ("reaches the optimum" is by value)."""


@dataclass(frozen=True, eq=False)
class Truth:
    """One objective of one benchmark, as the analysis sees it; larger utility is better.

    Attributes:
        sign: +1 where larger values are better, -1 where smaller are.
        shown: `(A, R)` values of all training runs that a search sees, NaN where missing.
        column: the same under the scoring protocol (the same array where it is the same protocol).
        mean: `(A,)` mean over the existing runs, NaN where an architecture has none.
        listed: `(A,)` rows that a run of the task may ask for.
        test: `(A,)` test means, or None where the table has no matching test column.
    """

    sign: int
    shown: Floats
    column: Floats
    mean: Floats
    listed: NDArray[np.bool_]
    test: Floats | None = None

    @cached_property
    def size(self) -> int:
        """Number N of architectures that may be asked for, failed ones included."""
        return int(self.listed.sum())

    @cached_property
    def optimum(self) -> float:
        """Best mean among the listed architectures, in the metric's direction."""
        return float(self.sign * np.nanmax(self.sign * self.mean[self.listed]))

    @cached_property
    def regrets(self) -> Floats:
        """`(A,)` optimum of the mean - mean, >= 0 on listed rows whichever the direction."""
        regrets: Floats = self.sign * (self.optimum - self.mean)
        return regrets

    @cached_property
    def test_regrets(self) -> Floats:
        """`(A,)` best test mean - test mean, >= 0; all NaN without a test column."""
        if self.test is None:
            return np.full(len(self.mean), np.nan)
        regrets: Floats = self.best_test - self.sign * self.test
        return regrets

    @cached_property
    def best_test(self) -> float:
        """Best test utility (sign times test mean) among the listed; NaN without a test column."""
        if self.test is None:
            return float("nan")
        return float(np.nanmax(np.where(self.listed, self.sign * self.test, np.nan)))

    @cached_property
    def test_floor(self) -> float:
        """Test regret of the best-validation architecture (mean over equals; NaN without test)."""
        best = self.listed & (self.regrets <= VALUE_TOLERANCE)
        return float(np.mean(self.test_regrets[best]))

    @cached_property
    def draws(self) -> Floats:
        """`(A,)` E = (N + 1) / (k + 1): expected random draws until one at least as good is drawn.

        k counts the listed architectures whose mean is as good or better; 1 for a row without a
        value.
        """
        return self.expected_draws(self.mean)

    @cached_property
    def log_draws(self) -> Floats:
        """`(A,)` log E."""
        return np.asarray(np.log(self.draws))

    def expected_draws(self, means: Floats) -> Floats:
        """E = (N + 1) / (k + 1) for any mean values `(n,)`; 1 for NaN."""
        as_good = len(self._ranked) - np.searchsorted(self._ranked, self._utility(means), side="left")
        draws: Floats = (self.size + 1) / (as_good + 1)
        return draws

    @cached_property
    def _ranked(self) -> Floats:
        return np.sort(self._utility(self.mean[self.listed]))

    def _utility(self, means: Floats) -> Floats:
        return np.where(np.isnan(means), -np.inf, self.sign * means)

    def at(self, values: Floats, rows: NDArray[np.int64]) -> Floats:
        """`values` at the rows, NaN where a row is -1 (an architecture outside the table)."""
        return np.where(rows >= 0, values[rows], np.nan)

    def held_out_regrets(self, rows: NDArray[np.int64], shown: NDArray[np.int64]) -> Floats:
        """Regret of each row's mean over its training runs other than the one shown.

        Args:
            rows: `(n,)` table rows, -1 for none.
            shown: `(n,)` index of the training run that was shown, -1 where the mean was.

        Returns:
            `(n,)`, NaN where nothing was held out, or where search and scoring use different
            protocols. May be negative: the optimum is one of full means.
        """
        if self.shown.shape != self.column.shape or not np.shares_memory(self.shown, self.column):
            return np.full(len(rows), np.nan)
        values = self.column[rows]
        held = ~np.isnan(values)
        held[np.arange(len(rows)), shown] = False
        known = (rows >= 0) & (shown >= 0) & held.any(axis=1)
        total = np.where(held, values, 0.0).sum(axis=1)
        mean = np.divide(total, held.sum(axis=1), out=np.full(len(rows), np.nan), where=known)
        regrets: Floats = self.sign * (self.optimum - mean)
        return regrets
