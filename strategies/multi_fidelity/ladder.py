"""Rungs: the lengths of training that architectures climb through, and how many climb from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import floor, log, prod
from typing import NamedTuple

from nasbench.errors import StrategyError


class Ladder(NamedTuple):
    """The rungs of successive halving.

    Attributes:
        epochs: of each rung, rising; the last is the full training.
        shares: from each rung but the last, one architecture in so many climbs to the next.
    """

    epochs: tuple[int, ...]
    shares: tuple[int, ...]

    @property
    def top(self) -> int:
        """Position of the last rung."""
        return len(self.epochs) - 1


class Plan(NamedTuple):
    """One bracket of successive halving: where it starts, and how many architectures each rung has from there on."""

    first: int
    counts: tuple[int, ...]


def ladder(fidelities: Sequence[int], eta: int, min_epochs: int | None) -> Ladder:
    """The rungs among the fidelities that exist.

    They are the ones nearest, in ratio, to `min_epochs` times the powers of `eta`, and the last. Between rungs
    that are `eta` apart one architecture in `eta` climbs. Where the fidelities are sparser than that, as the
    12 and 200 epochs of two recipes, it is one in the power of `eta` nearest to the ratio of the epochs, so
    that every rung of a bracket costs about the same, as on a dense curve. (On NAS-Bench-201's 12 and 200 epochs
    asynchronous halving needs .09 to .18 of the epochs of random search that way, and .30 to .75 with one in 3.)

    Args:
        fidelities: epochs that a trial may ask for, rising.
        eta: 2 or more.
        min_epochs: of the first rung; None takes the full training divided by the third power of `eta`, which
            gives four rungs where the fidelities are dense.

    Raises:
        StrategyError: no fidelity below the full one is left.
    """
    trained = [epoch for epoch in fidelities if epoch > 0]
    full = trained[-1] if trained else 0
    lowest = full / eta**3 if min_epochs is None else float(min_epochs)
    if len(trained) < 2 or not lowest < full:
        raise StrategyError(f"no rung below the full training: the task offers {trained}, min_epochs is {min_epochs}")
    steps = max(1, floor(log(full / lowest, eta) + 1e-9))
    wanted = [lowest * eta**k for k in range(steps)]
    nearest = {min((abs(log(epoch / ideal)), epoch) for epoch in trained)[1] for ideal in wanted}
    epochs = (*sorted(nearest - {full}), full)
    if len(epochs) == 1:
        epochs = (trained[-2], full)
    shares = [eta ** max(1, round(log(high / low, eta))) for low, high in pairwise(epochs)]
    return Ladder(epochs, tuple(shares))


def halving_plan(rungs: Ladder, architectures: int | None = None) -> Plan:
    """Successive halving from the first rung.

    Args:
        rungs: the ladder.
        architectures: at the first rung; None for as many as leave one at the last.
    """
    count = prod(rungs.shares) if architectures is None else architectures
    counts = [count]
    for share in rungs.shares:
        counts.append(max(1, counts[-1] // share))
    return Plan(0, tuple(counts))


def hyperband_plans(rungs: Ladder) -> list[Plan]:
    """The brackets of one Hyperband iteration, the most exploring first.

    With K rungs, the bracket that starts s rungs below the last one ends with floor(K / (s + 1)) full trainings
    and has on each rung as many architectures as that takes: table 1 of the paper. (Its algorithm 1 rounds
    elsewhere and starts some brackets with more, which its own halving then rounds away.)
    """
    last = rungs.top
    plans = []
    for first in range(last + 1):
        survivors = (last + 1) // (last - first + 1)
        counts = [survivors * prod(rungs.shares[rung:]) for rung in range(first, last + 1)]
        plans.append(Plan(first, tuple(counts)))
    return plans
