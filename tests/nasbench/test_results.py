"""The committed rows can be executed again: same task, strategy and seed, same trace hash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nasbench
from nasbench.runner import entry_of, run_key
from nasbench.task import Task

RESULTS = Path(__file__).parents[2] / "results" / "default-comparison"
PROVENANCE = json.loads((RESULTS / "provenance.json").read_text())
TASKS = {
    row["name"]: Task.from_identity({k: v for k, v in row.items() if k not in ("id", "name")})
    for row in PROVENANCE["tasks"]
}
LIGHT = [run for run in PROVENANCE["runs"] if run["strategy"] != "gp"]


@pytest.mark.parametrize("row", LIGHT[::17], ids=lambda row: f"{row['strategy']}-{row['task']}-{row['seed']}")
def test_a_published_row_is_executed_again(row):
    run = nasbench.search(TASKS[row["task"]], row["strategy"], seed=row["seed"])
    assert (run.key, run.trace_hash, run.stop) == (row["key"], row["trace_hash"], row["stop"])


def test_the_keys_of_the_rows_are_those_of_this_version():
    for row in PROVENANCE["runs"]:
        entry = entry_of(nasbench.strategies.create(row["strategy"]))
        assert run_key(TASKS[row["task"]], entry, row["seed"]) == row["key"]


def test_nothing_was_left_out():
    runs = {(row["task"], row["strategy"], row["seed"]) for row in PROVENANCE["runs"]}
    assert len(runs) == len(TASKS) * len(PROVENANCE["strategies"]) * len(PROVENANCE["seeds"]) == 300


def test_the_report_has_a_row_a_task_and_strategy():
    import pandas as pd

    frame = pd.read_csv(RESULTS / "summary.csv")
    assert len(frame) == 15
    assert (frame["regret_mean"] >= 0).all()
    gp = frame[frame["strategy"] == "gp"].set_index("task")["regret_mean"]
    random = frame[frame["strategy"] == "random-search"].set_index("task")["regret_mean"]
    assert (gp < random).all()
