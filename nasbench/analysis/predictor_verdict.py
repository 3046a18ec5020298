"""The verdict of a predictor comparison in words."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench.analysis import predictor_families
from nasbench.analysis.families import too_few
from nasbench.analysis.noise_ceiling import repeat_ceiling
from nasbench.analysis.pairwise import Comparison
from nasbench.analysis.predictor_scores import Scores
from nasbench.analysis.predictor_tests import judged_size, pairs, ranking
from nasbench.prediction_split import CLASS_DISJOINT, TOP_DECILE, UNIFORM
from nasbench.prediction_task import PredictionTask

_OTHER_KINDS = {CLASS_DISJOINT: "where no functional twin was trained on", TOP_DECILE: "in the top decile"}


def verdict(scores: Scores, alpha: float = 0.05) -> list[str]:
    """Who ranks best at the largest common training size, whom it beats, and what to be careful about.

    Over these tasks first, then on tasks like these, then task by task.

    Args:
        scores: of all runs.
        alpha: level of each family of tests: those on these tasks, and those over task families.
    """
    size = judged_size(scores)
    tested = pairs(scores, size, alpha=alpha)
    lines = [*_pooled(scores, [test for test in tested if test.over_tasks], size), _general(scores, size, alpha)]
    for key, task in scores.tasks.items():
        lines += _on_task(scores, task, scores.labels[key], size, [t for t in tested if t.task == scores.labels[key]])
    failed = [run for run in scores.runs if run.failed]
    for label in dict.fromkeys(run.entry.label for run in failed):
        runs = [run for run in failed if run.entry.label == label]
        lines.append(f"{label} failed in {len(runs)} runs ({runs[0].error.strip().splitlines()[-1]}).")
    return lines


def cautions(task: PredictionTask, label: str) -> list[str]:
    """What must be said about a task's labels before its numbers are read."""
    lines = []
    if task.predicts_test:
        lines.append(f"{label} predicts a test column: its numbers say nothing about a search on validation data.")
    if not task.noise_known:
        lines.append(
            f"{label}: noise unknown, the table holds one training run an architecture; its top decile is chosen by "
            "the very labels that are correlated there."
        )
    elif task.label == "mean":
        lines.append(f"{label} is idealised: labels are means over several trainings of which one is charged.")
    return lines


def _on_task(scores: Scores, task: PredictionTask, label: str, size: int, tests: Sequence[Comparison]) -> list[str]:
    frame = scores.summary
    here = frame[(frame["task"] == label) & frame["size"].isin([0, size])]
    means = {kind: part.set_index("predictor")["kendall"] for kind, part in here.groupby("kind")}
    if not means[UNIFORM].notna().any():
        return [*cautions(task, label), f"No predictor on {label} has a rank correlation."]
    best = str(means[UNIFORM].idxmax())
    row = here[(here["predictor"] == best) & (here["kind"] == UNIFORM)].iloc[0]
    said = [
        f"On {label} with {size:,} training architectures, {best} ranks best: Kendall tau {row['kendall']:.3f}"
        + (f" [{row['kendall_low']:.3f}, {row['kendall_high']:.3f}]" if row["trials"] > 1 else "")
    ]
    other = [
        f"{means[kind][best]:.3f} {words}"
        for kind, words in _OTHER_KINDS.items()
        if kind in means and means[kind][best] == means[kind][best]
    ]
    said[0] += f"; {', '.join(other)}." if other else "."
    beaten = [test.worse for test in tests if test.significant and test.better == best]
    close = [test for test in tests if not test.significant and best in (test.better, test.worse)]
    said += [f"It beats {_listed(beaten)}."] if beaten else []
    if close:
        said.append(f"Not told apart from it: {_listed([t.worse if t.better == best else t.better for t in close])}.")
    ceiling = repeat_ceiling(task.bench.column(task.metric, task.protocol))
    if task.label == "random" and row["kendall"] > ceiling:
        said.append(f"That is above the agreement of the training runs themselves ({ceiling:.3f}): look for a leak.")
    return [*cautions(task, label), " ".join(said)]


def _pooled(scores: Scores, tests: Sequence[Comparison], size: int) -> list[str]:
    """Over the tasks: whom the predictor of the best average rank beats, and whom not."""
    if not tests:
        return []
    ranked = ranking(scores, size=size).dropna(subset=["average_rank"])
    if not len(ranked):
        return []
    leader = str(ranked["strategy"].iloc[0])
    beaten = [
        f"{test.worse} (better in {test.improvement:.0%} of trials, {_p(test.p_holm)})"
        for test in tests
        if test.significant and test.better == leader
    ]
    apart = [
        f"{test.worse if test.better == leader else test.better} ({_p(test.p_holm)})"
        for test in tests
        if not test.significant and leader in (test.better, test.worse)
    ]
    where = (
        f"Over these {len(scores.labels)} tasks with {size:,} training architectures, {leader} ranks best on average"
    )
    lines = [f"{where} and beats {_listed(beaten)}." if beaten else f"{where}."]
    return [*lines, f"Not told apart from it over these tasks: {_listed(apart)}."] if apart else lines


def _general(scores: Scores, size: int, alpha: float) -> str:
    families, tests = predictor_families.families_of(scores), predictor_families.generalise(scores, size)
    if tests is None:
        return too_few(families)
    found = [
        f"{test.better} ranks better than {test.worse} (tau higher by {test.difference:.3f}, {_p(test.p_holm)})"
        for test in tests
        if test.p_holm <= alpha
    ]
    return f"On tasks like these ({families} families): {'; '.join(found) or 'no difference is established'}."


def _p(p: float) -> str:
    return "Holm p < 0.0001" if p < 1e-4 else f"Holm p = {p:.2g}"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
