"""The verdict in words: who beats whom, what could not be told apart, and what to be careful about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasbench.analysis.families import generalise, too_few
from nasbench.analysis.groups import TaskRuns, group
from nasbench.analysis.pairwise import Comparison, compare_groups, comparisons
from nasbench.analysis.task_truth import caution, measure_of, noise_floor_of
from nasbench.run import Run

__all__ = ["comparisons", "headlines", "verdict"]

MANY = 8
"""Strategies above which headlines count pairs rather than list them."""


def verdict(runs: Sequence[Run], alpha: float = 0.05) -> list[str]:
    """The verdict in words, one sentence an item, for each task, then over tasks.

    Says who knew more than the others, what was idealised, searched on test, or of unknown noise, and which
    runs failed.

    Args:
        runs: of any number of tasks and strategies.
        alpha: family-wise level over all tests (see `comparisons`).
    """
    groups = group(runs)
    tests = compare_groups(groups, alpha=alpha)
    lines: list[str] = _informed(runs)
    for one in groups:
        lines += _cautions(one)
        lines += _leader(one)
        lines += _sentences(one, [test for test in tests if test.task == one.label])
    pooled = [test for test in tests if test.over_tasks]
    if pooled:
        lines += _pooled(pooled, len(groups))
    lines.append(_general(groups, alpha))
    return lines


def headlines(runs: Sequence[Run], alpha: float = 0.05) -> list[str]:
    """The verdict in short: over the tasks first, then each task's leader against the others.

    With more than 8 strategies pairs are counted rather than listed.

    Args:
        runs: of any number of tasks and strategies.
        alpha: family-wise level over all tests, the same as in `verdict`.
    """
    groups = group(runs)
    tests = compare_groups(groups, alpha=alpha)
    pooled = [test for test in tests if test.over_tasks]
    short = len({run.entry.label for run in runs}) > MANY
    over = (_pooled_in_short if short else _pooled)(pooled, len(groups)) if pooled else []
    lines = [*over, _general(groups, alpha), *_informed(runs)]
    for one in groups:
        lines += _cautions(one)
        lines += [" ".join([*_leader(one), *_against_leader(one, [t for t in tests if t.task == one.label])])]
    return lines


def _against_leader(one: TaskRuns, tests: Sequence[Comparison]) -> list[str]:
    leader = _best(one)
    beaten = [t.worse for t in tests if t.significant and t.better == leader]
    close = [t for t in tests if not t.significant and leader in (t.better, t.worse)]
    lines = [f"It beats {_some(beaten)}."] if beaten else []
    if close:
        others = _some([t.worse if t.better == leader else t.better for t in close])
        seen = max(t.detectable for t in close)
        power = f"; {_seeds(close[0].pairs)} could have seen {_number(seen)}{_unit(one)}" if np.isfinite(seen) else ""
        lines.append(f"Not told apart from it: {others}{power}.")
    return lines


def _best(one: TaskRuns) -> str | None:
    finals = {label: one.final(label) for label in one.strategies}
    means = {label: float(f[~np.isnan(f)].mean()) for label, f in finals.items() if not np.isnan(f).all()}
    return min(means, key=lambda label: means[label]) if means else None


def _informed(runs: Sequence[Run]) -> list[str]:
    """Which strategies read more than they were told, in one sentence; none where none does."""
    known: dict[str, str] = {}
    for run in runs:
        if run.ledger.uses:
            shown = run.ledger.source_observations
            several = f" ({shown:,} evaluations of other tasks)" if shown else ""
            known.setdefault(
                run.entry.label, f"{run.entry.label} reads {run.ledger.uses.replace(',', ' and ')}{several}"
            )
    if not known:
        return []
    return [f"{_listed(list(known.values()))}: what the other strategies do without."]


def _cautions(one: TaskRuns) -> list[str]:
    task, lines = one.task, []
    if task.searched_on_test:
        lines.append(f"{one.label} was searched on test: its numbers say nothing about generalisation.")
    if task.idealised:
        lines.append(
            f"{one.label} is idealised: strategies saw the mean of several trainings and paid for one, "
            "so real searches end worse."
        )
    if about := caution(task):
        lines.append(f"{one.label} is a {about[0].lower()}{about[1:]}")
    if not task.noise_known:
        lines.append(
            f"{one.label}: noise unknown, the table {'' if task.bench.tabular else 'behind it '}holds "
            "one training run an architecture and observations are noise-free."
        )
    for strategy, paths in one.paths.items():
        failed = [path.run for path in paths.values() if path.run.failed]
        if failed:
            reason = failed[0].error.strip().splitlines()[-1] if failed[0].error.strip() else "no message"
            lines.append(f"{strategy} failed in {len(failed)} of {len(paths)} runs on {one.label} ({reason}).")
    return lines


def _leader(one: TaskRuns) -> list[str]:
    best = _best(one)
    if best is None:
        return [f"No run on {one.label} found a value."]
    mean = float(np.nanmean(one.final(best)))
    floor = noise_floor_of(one.task)
    near = ""
    if floor is not None:
        near = f", {'within' if mean <= floor else 'above'} the table's noise floor of {_number(floor)}"
    regret = f"{_number(mean)}{_unit(one)}"
    return [f"On {one.label}, {best} ends with the lowest mean {measure_of(one.task).name}: {regret}{near}."]


def _sentences(one: TaskRuns, tests: Sequence[Comparison]) -> list[str]:
    lines = []
    floor = noise_floor_of(one.task)
    won = sorted((test for test in tests if test.significant), key=lambda test: test.better_regret)
    for winner in dict.fromkeys(test.better for test in won):
        beaten = [_beaten(test, floor) for test in tests if test.significant and test.better == winner]
        lines.append(f"{winner} beats {_listed(beaten)} on {one.label}.")
    for test in tests:
        if test.significant:
            continue
        pair = f"{test.better} and {test.worse} are not told apart on {one.label}"
        if test.ties == test.pairs:
            lines.append(f"{pair}: they end equal in every one of {_seeds(test.pairs)}.")
        elif np.isfinite(test.detectable):
            lines.append(
                f"{pair} (regret {_number(test.better_regret)} against {_number(test.worse_regret)}, "
                f"{_p(test.p_holm)}); {_seeds(test.pairs)} could have seen a difference of "
                f"{_number(test.detectable)}{_unit(one)}."
            )
        else:
            lines.append(f"{pair}: {_seeds(test.pairs)} can show no difference at this level; run more seeds.")
    return lines


def _beaten(test: Comparison, floor: float | None) -> str:
    notes = [
        f"regret {_number(test.better_regret)} against {_number(test.worse_regret)}",
        _p(test.p_holm),
    ]
    if test.difference < 0:
        notes.append("better in most seeds though not on average")
    elif floor is not None and test.difference < floor:
        notes.append("a difference below the noise floor")
    return f"{test.worse} ({', '.join(notes)})"


def _pooled(tests: Sequence[Comparison], tasks: int) -> list[str]:
    lines = []
    won = [test.better for test in tests if test.significant]
    for winner in sorted(dict.fromkeys(won), key=won.count, reverse=True):
        beaten = [
            f"{test.worse} (better in {test.improvement:.0%} of seeds, {_p(test.p_holm)})"
            for test in tests
            if test.significant and test.better == winner
        ]
        lines.append(f"Over these {tasks} tasks, {winner} beats {_listed(beaten)}.")
    apart = [f"{test.better} and {test.worse} ({_p(test.p_holm)})" for test in tests if not test.significant]
    if apart:
        lines.append(f"Over these {tasks} tasks, not told apart: {'; '.join(apart)}.")
    return lines


def _pooled_in_short(tests: Sequence[Comparison], tasks: int) -> list[str]:
    """Whom each strategy beats over the tasks, without figures."""
    beaten: dict[str, list[str]] = {}
    for test in tests:
        if test.significant:
            beaten.setdefault(test.better, []).append(test.worse)
    order = sorted(beaten, key=lambda winner: -len(beaten[winner]))
    lines = [f"Over these {tasks} tasks, {winner} beats {_listed(sorted(beaten[winner]))}." for winner in order[:MANY]]
    if len(order) > MANY:
        lines.append(f"{len(order) - MANY} more beat {len(beaten[order[MANY]])} others or fewer.")
    apart = sum(not test.significant for test in tests)
    return [*lines, f"Not told apart over these {tasks} tasks: {apart} of {len(tests)} pairs."]


def _some(names: Sequence[str]) -> str:
    """Names, or how many there are of them."""
    return _listed(names) if len(names) <= MANY else f"{len(names)} others"


def _general(groups: Sequence[TaskRuns], alpha: float) -> str:
    families = len({one.task.bench.family for one in groups})
    tests = generalise(groups)
    if tests is None:
        return too_few(families)
    found = [
        f"{test.better} beats {test.worse} ({_number(test.ratio)} times its speed-up, {_p(test.p_holm)})"
        for test in tests
        if test.p_holm <= alpha
    ]
    return f"On tasks like these ({families} families): {'; '.join(found) or 'no difference is established'}."


def _unit(one: TaskRuns) -> str:
    unit = measure_of(one.task).unit
    return " points" if unit == "%" else "" if unit in ("", "fraction") else f" ({unit})"


def _number(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 0.1 else f"{value:.2f}" if abs(value) < 1000 else f"{value:.3g}"


def _p(p: float) -> str:
    return "Holm p < 0.0001" if p < 1e-4 else f"Holm p = {p:.2g}"


def _seeds(count: int) -> str:
    return "1 paired seed" if count == 1 else f"{count} paired seeds"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
