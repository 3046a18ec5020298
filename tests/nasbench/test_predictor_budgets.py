"""The map of budgets: what it paints is the best predictor that both budgets afford, cell by cell."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from nasbench.prediction_task import PredictionTask
from nasbench.report.marks import Canvas
from nasbench.report.predictor_budgets import INIT_CELLS, QUERY_CELLS, budget_map
from nasbench.report.predictor_data import facts_of
from nasbench.report.theme import styles_of


def rectangles(chart):
    """Painted rectangles as (x, x2, y, y2, predictor)."""
    (text,) = chart.to_dict()["datasets"].values()
    return [
        (*(float(row[end]) for end in ("x", "x2", "y", "y2")), row["strategy"])
        for row in csv.DictReader(text.splitlines())
    ]


@pytest.mark.parametrize("seed", [0, 1])
def test_every_budget_is_painted_once_with_the_best_that_it_affords(seed):
    rng = np.random.default_rng(seed)
    task = PredictionTask("nasbench201/cifar10")
    frame = pd.DataFrame(
        {
            "strategy": ["a", "b", "c"] * 4,
            "size": np.repeat([5, 20, 80, 320], 3),
            "kendall": rng.random(12),
            "init_seconds": np.exp(rng.uniform(0, 5, 12)),
            "query_seconds": np.exp(rng.uniform(-9, -5, 12)),
        }
    )
    drawn = rectangles(budget_map(frame, facts_of(task, task.name), styles_of(["a", "b", "c"]), Canvas(400, 300, True)))
    assert len(drawn) < INIT_CELLS * QUERY_CELLS / 2
    unit = {"x": max(x2 for _, x2, *_ in drawn), "y": max(y2 for *_, y2, _ in drawn)}
    # The ends of the axes are 1.3 times the largest costs.
    init = frame["init_seconds"] * (unit["x"] / 1.3 / frame["init_seconds"].max())
    query = frame["query_seconds"] * (unit["y"] / 1.3 / frame["query_seconds"].max())
    ends = sorted({y2 for *_, y2, _ in drawn})
    for x in np.geomspace(init.min() / 1.05, unit["x"], INIT_CELLS + 1)[1:]:
        for y in ends:
            fits = frame[(init <= x) & (query <= y)]
            painted = [name for x1, x2, y1, y2, name in drawn if x1 < x * 0.999 < x2 and y1 < y * 0.999 < y2]
            assert painted == ([fits.loc[fits["kendall"].idxmax(), "strategy"]] if len(fits) else [])
