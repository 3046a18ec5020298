"""The exact law of random search without replacement: a reference that needs no seeds.

Noise-free, the best of n draws follows hypergeometric order statistics of the sorted column. Where
each architecture shows one of its training runs, all (architecture, run) pairs are sorted with weight
1 / (N R_i), and P(winner = value v) = F(v)^n - F(v-)^n, which treats draws as independent; it is used
for n <= N / 10, and 10,000 simulated permutations with their standard error above. Failed
architectures (no value) are drawn but never win; all moments are given that something has won.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.analysis.task_truth import per_task, truth_of
from nasbench.analysis.truth import Floats
from nasbench.streams import generator

if TYPE_CHECKING:
    from nasbench.task import Task

Ints = NDArray[np.int64]

PERMUTATIONS = 10_000
_NEGLIGIBLE = 39.0
"""Winners beyond a tail of e^-39 (1e-17) are left out: below the rounding of a sum."""


@dataclass(frozen=True)
class Moments:
    """Mean and spread of a quantity of the winner, for each n.

    Attributes:
        mean: `(n,)` expectation, NaN where nothing can win.
        sd: `(n,)` standard deviation over runs.
        error: `(n,)` standard error of `mean`: 0 where exact, of the simulation otherwise.
    """

    mean: Floats
    sd: Floats
    error: Floats


class RandomSearchLaw:
    """Who leads after n draws without replacement from a table.

    Args:
        column: `(A, R)` shown values, NaN where missing; R = 1 is noise-free.
        sign: +1 where larger is better, -1 where smaller is.
        listed: `(A,)` architectures that may be drawn; all by default.
        key: seeds the simulation (a task id).

    Attributes:
        size: N, the number of listed architectures, failed ones included.
        rows: `(K,)` architecture of each (architecture, run) pair, best shown value first.
        shown: `(K,)` the pairs' shown values.
        exact: whether every n is exact, so that nothing is simulated.
    """

    def __init__(
        self, column: ArrayLike, sign: int = 1, listed: NDArray[np.bool_] | None = None, key: str = ""
    ) -> None:
        values: Floats = np.asarray(column, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        present = ~np.isnan(values)
        if listed is not None:
            present &= listed[:, None]
        self.size = len(values) if listed is None else int(listed.sum())
        self._sign, self._key = sign, key
        runs = present.sum(axis=1)
        self.exact = bool(runs.max(initial=0) <= 1)
        row, run = np.nonzero(present)
        order = np.argsort(-sign * values[row, run], kind="stable")
        self.rows: Ints = row[order].astype(np.int64)
        self.shown: Floats = values[row, run][order]
        self._share: Floats = 1.0 / runs[self.rows]
        fresh = np.ones(len(self.rows), dtype=bool)
        fresh[1:] = self.shown[1:] != self.shown[:-1]
        self._starts: Ints = np.flatnonzero(fresh).astype(np.int64)
        failed = self.size - int((runs > 0).sum())
        below = np.concatenate([np.cumsum(self._share[::-1])[::-1], [0.0]]) + failed
        with np.errstate(divide="ignore"):
            self._log_below: Floats = np.log(below / self.size) if self.size else below
        if len(self.rows):
            self._log_below[0] = 0.0

    # -- the winner's distribution --------------------------------------------------------------

    def moments(self, quantity: ArrayLike, n: ArrayLike) -> Moments:
        """Mean and standard deviation of a quantity of the architecture that leads after n draws.

        Args:
            quantity: `(A,)` one number an architecture (its regret, its test value, log E, ...);
                NaN counts as not won.
            n: numbers of draws, each at least 1; more than N count as N.
        """
        return self._moments(np.asarray(quantity, dtype=np.float64)[self.rows], n)

    def shown_moments(self, n: ArrayLike) -> Moments:
        """Mean and standard deviation of the best shown value after n draws."""
        return self._moments(self.shown, n)

    def quantiles(self, quantity: ArrayLike, n: int, levels: Sequence[float]) -> Floats:
        """Quantiles (lower, without interpolation) of a quantity of the architecture that leads.

        Args:
            quantity: `(A,)`, as for `moments`.
            n: number of draws.
            levels: probabilities, 0 to 1.
        """
        values = np.asarray(quantity, dtype=np.float64)[self.rows]
        draws = self._draws(n)
        if self._closed(draws)[0]:
            weights = self._untied(next(self._weights(draws))[2][0])
        else:
            weights = np.bincount(next(self._winners(draws)), minlength=len(self.rows)) / PERMUTATIONS
        order = np.argsort(values[: len(weights)], kind="stable")
        reached = np.cumsum(weights[order])
        at = np.searchsorted(reached, np.asarray(levels) * reached[-1] * (1 - 1e-12))
        quantiles: Floats = values[order[np.minimum(at, len(order) - 1)]]
        return quantiles

    def _moments(self, values: Floats, n: ArrayLike) -> Moments:
        draws = self._draws(n)
        mean, sd = np.full(len(draws), np.nan), np.full(len(draws), np.nan)
        error = np.zeros(len(draws))
        known = ~np.isnan(values)
        if not known.any():
            return Moments(mean, sd, error)
        # Deviations from a central value keep the variance from cancelling.
        centre = float(np.median(values[known]))
        deviation = np.where(known, values - centre, 0.0)
        powers = (known.astype(np.float64), deviation, deviation**2)
        pair = np.column_stack([self._tied_mean(power) for power in powers])
        closed = self._closed(draws)
        where = np.flatnonzero(closed)
        for block, depth, weights in self._weights(draws[where]):
            won, first, second = (weights @ pair[:depth]).T
            won = np.where(won > 0, won, np.nan)
            mean[where[block]] = centre + first / won
            sd[where[block]] = np.sqrt(np.maximum(second / won - (first / won) ** 2, 0.0))
        for place, winners in zip(np.flatnonzero(~closed), self._winners(draws[~closed]), strict=True):
            sample = values[winners][known[winners]]
            if len(sample) > 1:
                mean[place], sd[place] = sample.mean(), sample.std(ddof=1)
                error[place] = sd[place] / np.sqrt(len(sample))
        return Moments(mean, sd, error)

    def _draws(self, n: ArrayLike) -> Ints:
        draws = np.atleast_1d(np.asarray(n))
        if draws.size and (draws.dtype.kind not in "iu" or draws.min() < 1):
            raise ValueError(f"the number of draws is an integer of at least 1, got {n!r}")
        capped: Ints = np.minimum(draws, self.size).astype(np.int64)
        return capped

    def _closed(self, draws: Ints) -> NDArray[np.bool_]:
        """Which of the numbers of draws have a closed form."""
        return np.ones(len(draws), dtype=bool) if self.exact else (draws * 10 <= self.size) | (draws == 1)

    # -- ties: the earlier of equal values leads, so each is as likely as its share ----------------

    def _tied_mean(self, values: Floats) -> Floats:
        if len(self._starts) == len(values):
            return values
        lengths = np.diff(np.append(self._starts, len(values)))
        total = np.add.reduceat(values * self._share, self._starts)
        return np.repeat(total / np.add.reduceat(self._share, self._starts), lengths)

    def _untied(self, weights: Floats) -> Floats:
        """Weights of the leading pairs with each tie's total shared out."""
        starts = self._starts[self._starts < len(weights)]
        share = self._share[: len(weights)]
        lengths = np.diff(np.append(starts, len(weights)))
        total = np.add.reduceat(weights, starts) / np.add.reduceat(share, starts)
        return np.repeat(total, lengths) * share

    # -- closed forms -----------------------------------------------------------------------------

    def _weights(self, draws: Ints) -> Iterator[tuple[Ints, int, Floats]]:
        """Blocks of (positions in `draws`, depth D, P(pair d < D wins) of shape (block, D)).

        Only as many leading pairs as can matter are computed, which depends on n: blocks of similar
        n keep a whole curve cheap.
        """
        octave = np.floor(np.log2(draws)).astype(np.int64) if len(draws) else draws
        for level in np.unique(octave):
            block = np.flatnonzero(octave == level).astype(np.int64)
            least = int(draws[block].min())
            depth = int(np.searchsorted(-self._log_below[1:], _NEGLIGIBLE / least)) + 1
            depth = min(depth, len(self.rows))
            depth = int(np.append(self._starts, len(self.rows))[np.searchsorted(self._starts, depth)])
            for part in np.array_split(block, max(1, len(block) * depth // 2_000_000)):
                compute = self._hypergeometric if self.exact else self._powers
                yield part, depth, compute(draws[part], depth)

    def _hypergeometric(self, draws: Ints, depth: int) -> Floats:
        """P(the best d are missed) n / (N - d), by recursion: every factor lies between 0 and 1."""
        left = self.size - np.arange(depth, dtype=np.float64)
        n = draws[:, None].astype(np.float64)
        weights = np.ones((len(draws), depth))
        np.cumprod(np.maximum(left[:-1] - n, 0.0) / left[:-1], axis=1, out=weights[:, 1:])
        weights *= n / left
        return weights

    def _powers(self, draws: Ints, depth: int) -> Floats:
        """F(v)^n - F(v-)^n from logarithms, without cancellation."""
        n = draws[:, None].astype(np.float64)
        above, below = self._log_below[:depth], self._log_below[1 : depth + 1]
        weights: Floats = np.exp(n * above) * -np.expm1(n * (below - above))
        return weights

    # -- simulation ---------------------------------------------------------------------------------

    def _winners(self, draws: Ints) -> Iterator[Ints]:
        """Index of the winning pair in each simulated permutation, for each number of draws.

        Only the architectures that can lead are permuted: the others of the N enter through a
        hypergeometric number of draws that hit the former, which is the same law.
        """
        if not len(draws):
            return
        depth = int(np.searchsorted(-self._log_below[1:], _NEGLIGIBLE / (self.size / 10))) + 1
        members = np.unique(self.rows[:depth])
        rng = generator("random search law", self._key, "permutations")
        leaders = self._prefix_leaders(members, rng)
        for n in draws.tolist():
            count = generator("random search law", self._key, n)
            hit = count.hypergeometric(len(members), self.size - len(members), n, size=PERMUTATIONS)
            some = np.flatnonzero(hit > 0)
            yield leaders[some, hit[some] - 1].astype(np.int64)

    def _prefix_leaders(self, members: Ints, rng: np.random.Generator) -> NDArray[np.int32]:
        """`(permutations, members)`: the leading pair after each draw of a member."""
        slots = np.full(int(members.max()) + 1, -1, dtype=np.int64)
        slots[members] = np.arange(len(members))
        pairs = np.flatnonzero(np.isin(self.rows, members))
        slot = slots[self.rows[pairs]]
        runs = np.bincount(slot, minlength=len(members))
        of_member = pairs[np.argsort(slot, kind="stable")]
        first = np.concatenate([[0], np.cumsum(runs)[:-1]])
        tie = np.searchsorted(self._starts, np.arange(len(self.rows)), side="right").astype(np.int64)
        leaders = np.empty((PERMUTATIONS, len(members)), dtype=np.int32)
        m = len(members)
        for begin in range(0, PERMUTATIONS, 1000):
            count = min(1000, PERMUTATIONS - begin)
            order = np.argsort(rng.random((count, m)), axis=1)
            pick = (rng.random((count, m)) * runs[order]).astype(np.int64)
            pair = of_member[first[order] + pick]
            # Smaller is better: rank of the value first, then the position (the earlier of equals).
            code = np.minimum.accumulate(tie[pair] * m + np.arange(m), axis=1)
            leaders[begin : begin + count] = np.take_along_axis(pair, code % m, axis=1)
        return leaders


@per_task
def law_of(task: Task) -> RandomSearchLaw:
    """The law of random search on a task: its table, direction and repeat policy."""
    truth = truth_of(task)
    shown = truth.shown
    if task.repeat == "mean":
        name = task.objectives[0].name
        shown = (task.bench.mean(name, task.protocol) if task.bench.tabular else truth.mean)[:, None]
        if task.bounds and task.bench.tabular:
            kept = [bound.keeps(task.bench.mean(bound.name, task.protocol)) for bound in task.bounds]
            shown = np.where(np.logical_and.reduce(kept)[:, None], shown, np.nan)
    elif not isinstance(task.repeat, str) and shown.shape[1] > 1:
        shown = shown[:, [task.repeat]]
    return RandomSearchLaw(shown, truth.sign, truth.listed, key=task.id)


def expected_regret(task: Task, n: ArrayLike) -> Moments:
    """Table regret of random search after n evaluations."""
    return law_of(task).moments(truth_of(task).regrets, n)


def expected_test_regret(task: Task, n: ArrayLike) -> Moments:
    """Test regret of random search's incumbent after n evaluations (NaN without a test column)."""
    return law_of(task).moments(truth_of(task).test_regrets, n)
