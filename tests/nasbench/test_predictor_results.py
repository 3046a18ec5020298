"""The committed comparison of predictors can be executed again, and says what its text says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from nasbench.analysis.predictor_scores import Scores
from nasbench.prediction_split import UNIFORM
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_run import PredictorSpec, evaluate_predictor, predictor_key

RESULTS = Path(__file__).parents[2] / "results"
PROVENANCE = json.loads((RESULTS / "predictors" / "provenance.json").read_text())
SUMMARY = pd.read_csv(RESULTS / "predictors" / "summary.csv")
TASKS = {
    row["name"]: PredictionTask.from_identity({k: v for k, v in row.items() if k not in ("id", "name")})
    for row in PROVENANCE["tasks"]
}
NAMES = [entry["name"] for entry in PROVENANCE["predictors"]]
SMALL = SUMMARY[(SUMMARY["kind"] == UNIFORM) & (SUMMARY["size"] == min(PROVENANCE["sizes"]))]


@pytest.mark.parametrize("place", range(0, len(SMALL), 19))
def test_a_published_row_is_executed_again(place):
    """Ranks and errors, not hashes: the last bit of what linear algebra gives differs between processors."""
    row = SMALL.iloc[place]
    runs = [
        evaluate_predictor(TASKS[row["task"]], row["predictor"], int(row["size"]), trial)
        for trial in PROVENANCE["seeds"]
    ]
    again = Scores(runs).summary.query("kind == @UNIFORM").iloc[0]
    assert again["trials"] == row["trials"]
    for measure, most in (("kendall", 0.005), ("spearman", 0.005), ("coverage_80", 0.005)):
        assert again[measure] == pytest.approx(row[measure], abs=most)
    assert again["mae"] == pytest.approx(row["mae"], rel=0.01)


def test_the_keys_of_the_rows_are_those_of_this_version():
    entries = {name: PredictorSpec(name).entry(name) for name in NAMES}
    for run in PROVENANCE["runs"]:
        key = predictor_key(TASKS[run["task"]], entries[run["predictor"]], run["size"], run["trial"])
        assert key == run["key"], f"{run['predictor']} has changed since: execute the comparison again"


def test_nothing_was_left_out():
    runs = {(row["task"], row["predictor"], row["size"], row["trial"]) for row in PROVENANCE["runs"]}
    cells = len(TASKS) * len(NAMES) * len(PROVENANCE["sizes"])
    assert len(TASKS) == 24
    assert len(PROVENANCE["seeds"]) >= 3
    assert len(runs) == cells * len(PROVENANCE["seeds"])
    assert len(SUMMARY[SUMMARY["kind"] == UNIFORM]) == cells
    assert (SUMMARY["failed_trials"] == 0).all()


def test_the_table_in_the_text_is_the_summary():
    text = (RESULTS / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| ([.\d]+) \| ([.\d]+) \| ([.\d]+) \|$", text, re.MULTILINE)
    assert {row[0] for row in rows} == set(NAMES)
    means = SUMMARY[SUMMARY["kind"] == UNIFORM].groupby(["predictor", "size"])["kendall"].mean()
    for name, *shown in rows:
        for size, tau in zip(sorted(PROVENANCE["sizes"]), shown, strict=True):
            assert float(tau) == pytest.approx(means[name, size], abs=0.0006)
