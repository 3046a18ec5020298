"""The committed comparisons of strategies: same task, strategy and seed, same trace hash."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest

import nasbench
from nasbench.errors import MissingExtraError
from nasbench.runner import entry_of, run_key
from nasbench.strategies import REGISTRY
from nasbench.task import Task

RESULTS = Path(__file__).parents[2] / "results"
FOLDERS = ("strategies", "multi-objective")
"""Those whose tables are always there; the third needs one that has to be fetched."""


def provenance(folder):
    return json.loads((RESULTS / folder / "provenance.json").read_text())


def tasks_of(facts):
    return {
        row["name"]: Task.from_identity({k: v for k, v in row.items() if k not in ("id", "name")})
        for row in facts["tasks"]
    }


def available(name):
    try:
        REGISTRY.get(name)
    except MissingExtraError:
        return False
    return True


def exact(name):
    """Whether a trace is the same on every machine: nothing that leans on linear algebra or on other libraries."""
    return available(name) and not REGISTRY.get(name).uses_blas


SAMPLE = [
    (folder, run)
    for folder in FOLDERS
    for run in [run for run in provenance(folder)["runs"] if exact(run["strategy"])][::37]
]


@pytest.mark.parametrize(("folder", "row"), SAMPLE, ids=lambda v: v if isinstance(v, str) else v["key"][:8])
def test_a_published_row_is_executed_again(folder, row):
    run = nasbench.search(tasks_of(provenance(folder))[row["task"]], row["strategy"], seed=row["seed"])
    assert (run.key, run.trace_hash, run.stop) == (row["key"], row["trace_hash"], row["stop"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_keys_of_the_rows_are_those_of_this_version(folder):
    facts = provenance(folder)
    tasks, entered = tasks_of(facts), {}
    for row in facts["runs"]:
        name = row["strategy"]
        if name not in entered and available(name):
            strategy = nasbench.strategies.create(name)
            entered[name] = entry_of(strategy), strategy.uses
        if name in entered and row["seed"] == 0:
            entry, uses = entered[name]
            assert run_key(tasks[row["task"]], entry, row["seed"], uses) == row["key"], name


@pytest.mark.parametrize("folder", [*FOLDERS, "multi-fidelity"])
def test_nothing_was_left_out(folder):
    facts = provenance(folder)
    runs = {(row["task"], row["strategy"], row["seed"]) for row in facts["runs"]}
    assert len(runs) == len(facts["tasks"]) * len(facts["strategies"]) * len(facts["seeds"]) == len(facts["runs"])
    frame = pd.read_csv(RESULTS / folder / "summary.csv")
    assert len(frame) == len(facts["tasks"]) * len(facts["strategies"])
    assert not frame["failed_runs"].any()


def test_every_strategy_is_in_one_of_them():
    """But those that read zero-cost proxies, which no table of the comparisons holds, and the slowest."""
    shown = {row["name"] for folder in (*FOLDERS, "multi-fidelity") for row in provenance(folder)["strategies"]}
    proxies = {name for name in REGISTRY.table if available(name) and "proxies" in REGISTRY.get(name).uses}
    assert set(filter(available, REGISTRY.table)) - proxies - {"brp-nas", "dngo", "optuna-gp"} <= shown


def test_the_table_of_strategies_has_the_figures_of_the_results():
    text = (RESULTS.parent / "strategies" / "README.md").read_text()
    rows = defaultdict(str)
    for line in text.splitlines():
        if line.startswith("| `"):
            rows[line.split("|")[1].strip(" `")] += line
    assert set(rows) == set(REGISTRY.table)
    frame = pd.read_csv(RESULTS / "strategies" / "summary.csv")
    for task, strategy, regret in frame[["task", "strategy", "regret_mean"]].itertuples(index=False):
        if task.startswith("nasbench201"):
            shown = f"{regret:.2f}" if regret >= 0.995 else f"{regret:.3f}".removeprefix("0")
            assert f"| {shown} |" in rows[strategy] or regret == 0, (task, strategy)
