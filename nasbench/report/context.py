"""What the page's template is given: sections of text, tables and figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nasbench.analysis.fronts import EXACT_FRONT
from nasbench.analysis.pairwise import OVER_TASKS
from nasbench.analysis.random_reference import REFERENCES
from nasbench.report.details import cost_table, failures, targets_table, tests_table
from nasbench.report.glossary import GLOSSARY
from nasbench.report.numbers import count, difference_unit, metric_name, number, ranges
from nasbench.report.tables import overall_table, summary_table
from nasbench.report.theme import styles_of

if TYPE_CHECKING:
    from nasbench.report.data import ReportData, TaskFacts
    from nasbench.report.gallery import Figure, Panel

LONG_SENTENCE = 320
"""Longer sentences over all tasks (lists of what is not told apart) are folded away."""

FEW_TASKS = 3
"""Up to this many tasks, everything said about each is open from the start."""


class Verdict(NamedTuple):
    """Sentences of the verdict about one task, or about all.

    Attributes:
        task: the task's label, or `all tasks`.
        leading: cautions, and who ends best.
        others: pair by pair.
    """

    task: str
    leading: list[str]
    others: list[str]


class Slot(NamedTuple):
    """A panel and the place of its spec among all of the page."""

    panel: Panel
    place: int


class FigureView(NamedTuple):
    """A figure with the places of its panels."""

    figure: Figure
    panels: list[Slot]
    more: list[Slot]


def build(data: ReportData, drawn: Sequence[Figure], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The template's variables, without the scripts.

    Args:
        data: the frames.
        drawn: the figures, in the order of their specs in the page.
        provenance: as the caller passed it; unknown keys are left to `provenance.json`.
    """
    failed = failures(data)
    unit = {facts.label: difference_unit(facts.unit) for facts in data.tasks}
    units = {OVER_TASKS: "root mean squares of the task", **unit}
    tests = [tests_table(data.tests, label, of, "seed") for label, of in units.items()]
    return {
        "styles": styles_of(data.strategies),
        "strategies": data.strategies,
        "verdicts": group_verdict(data.verdict, [facts.label for facts in data.tasks]),
        "few_tasks": len(data.tasks) <= FEW_TASKS,
        "tasks": [(facts, goal_of(facts), best_of(facts), labels_of(facts)) for facts in data.tasks],
        "references": [label for label in REFERENCES if label in {facts.reference for facts in data.tasks}],
        "exact_front": EXACT_FRONT if any(facts.several for facts in data.tasks) else "",
        "number": number,
        "figures": views_of(drawn),
        "overall": overall_table(data),
        "summaries": [summary_table(data, facts) for facts in data.tasks],
        "tests": [table for table in tests if table is not None],
        "targets": [targets_table(data, facts) for facts in data.tasks if _has(data, facts)],
        "costs": [cost_table(data, facts) for facts in data.tasks],
        "failures": failed,
        "failed_runs": count(len(failed), "run"),
        "reproduce": reproduce(provenance),
        "glossary": GLOSSARY,
    }


def views_of(drawn: Sequence[Figure]) -> dict[str, FigureView]:
    """Figures by name, with the places of their specs in the page."""
    places = iter(range(sum(len(f.panels) + len(f.more) for f in drawn)))
    return {f.name: FigureView(f, _slots(f.panels, places), _slots(f.more, places)) for f in drawn}


def _slots(panels: Sequence[Panel], places: Iterator[int]) -> list[Slot]:
    return [Slot(panel, next(places)) for panel in panels]


def _has(data: ReportData, facts: TaskFacts) -> bool:
    return bool(len(data.targets)) and bool((data.targets["task"] == facts.label).any())


def group_verdict(sentences: Sequence[str], labels: Sequence[str]) -> list[Verdict]:
    """Sentences under the task that they name; those that name none come first.

    Where one task's label is part of another's, the longest that a sentence holds is meant. What is
    said up to the sentence that begins with the task leads.
    """
    longest_first = sorted(labels, key=len, reverse=True)
    grouped: dict[str, list[str]] = {"": [], **{label: [] for label in labels}}
    for sentence in sentences:
        grouped[next((label for label in longest_first if label in sentence), "")].append(sentence)
    verdicts: list[Verdict] = []
    for task, said in grouped.items():
        if not task:
            short = [sentence for sentence in said if len(sentence) <= LONG_SENTENCE]
            verdicts.append(Verdict(OVER_TASKS, short, [sentence for sentence in said if sentence not in short]))
            continue
        leads = [place + 1 for place, sentence in enumerate(said) if sentence.startswith(f"On {task},")]
        cut = leads[0] if leads else len(said)
        if said:
            verdicts.append(Verdict(task, said[:cut], said[cut:]))
    # Of a single task, its own sentences say more than the general one.
    return verdicts[::-1] if len(labels) == 1 else verdicts


def goal_of(facts: TaskFacts) -> str:
    """What a task asks for: `maximize validation accuracy (%), minimize params (count)`."""
    named = [(goal, f" ({goal.unit})" if goal.unit else "") for goal in facts.goals]
    return ", ".join(f"{goal.direction} {metric_name(goal.name, goal.unit)}{unit}" for goal, unit in named)


def best_of(facts: TaskFacts) -> str:
    """The best known value of a task, or the size of its Pareto front."""
    return f"front of {count(facts.front, 'point')}" if facts.several else number(facts.optimum, 4)


def labels_of(facts: TaskFacts) -> list[tuple[str, str]]:
    """What must be said about a task before its numbers are read: (label, explanation)."""
    labels = []
    if facts.searched_on_test:
        labels.append(("searched on test", "The objective is a test column: its numbers say nothing about new data."))
    if facts.surrogate:
        labels.append(("surrogate", facts.surrogate))
    labels += {
        "idealised": [("idealised", "A search saw the mean of several trainings and was charged for one.")],
        "noise unknown": [("noise unknown", "One training run an architecture: observations are noise-free.")],
        "fixed run": [("fixed training run", "Every search saw the same numbered training run of an architecture.")],
    }.get(facts.noise, [])
    if facts.charge != "all":
        labels.append((f"charge {facts.charge}", "Repeated architectures are not charged again."))
    if facts.workers > 1:
        labels.append((f"{facts.workers} workers", "Simulated asynchronous workers."))
    return labels


def reproduce(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says about doing the same again; absent parts are left out."""
    versions = provenance.get("versions")
    tables = provenance.get("tables")
    seeds = provenance.get("seeds")
    return {
        "command": str(provenance.get("command") or ""),
        "versions": [(str(k), str(v)) for k, v in versions.items()] if isinstance(versions, Mapping) else [],
        "tables": [_source(str(n), t) for n, t in tables.items()] if isinstance(tables, Mapping) else [],
        "strategies": [_entry(entry) for entry in _mappings(provenance.get("strategies"))],
        "tasks": [
            (str(task.get("name", "")), _settings(task), str(task.get("id", "")))
            for task in _mappings(provenance.get("tasks"))
        ],
        "seeds": ranges(seeds) if isinstance(seeds, list) and all(isinstance(s, int) for s in seeds) else "",
    }


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _source(name: str, table: Any) -> dict[str, str]:
    about = table if isinstance(table, Mapping) else {}
    return {"name": name, **{key: str(about.get(key, "")) for key in ("content_sha256", "licence", "citation")}}


def _entry(entry: Mapping[str, Any]) -> tuple[str, str]:
    params = entry.get("params", "")
    try:
        values = json.loads(params) if isinstance(params, str) else params
    except ValueError:
        values = {}
    said = _settings(values) if isinstance(values, Mapping) else ""
    version = f"version {entry['version']}" if "version" in entry else ""
    salt = f"salt {entry['salt']}" if entry.get("salt") else ""
    return str(entry.get("label", "")), "; ".join(part for part in (said, version, salt) if part)


def _settings(values: Mapping[str, Any]) -> str:
    skipped = ("id", "name", "benchmark")
    return ", ".join(
        f"{key} = {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
        if key not in skipped and value is not None
    )
