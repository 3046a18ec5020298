"""What a report shows of tasks with several objectives; colours where tasks have different strategies."""

import csv
import io
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import vl_convert

import nasbench
from nasbench.analysis import summary
from nasbench.analysis.front_truth import front_truth_of
from nasbench.analysis.fronts import EXACT_FRONT, surfaces
from nasbench.analysis.random_reference import RANDOM_SEARCH_EXACT, RANDOM_SEARCH_SIMULATED
from nasbench.analysis.verdict import headlines
from nasbench.comparison import Comparison
from nasbench.report.data import Goal, collect, facts_of
from nasbench.report.gallery import drawn_styles, figures
from nasbench.report.marks import Canvas
from nasbench.report.pareto_chart import pareto_fronts, views_of
from nasbench.report.site import write_report
from nasbench.report.terminal import print_comparison
from nasbench.report.theme import INK, styles_of
from nasbench.runner import entry_of

PAPER, PAGE = Canvas(400, 250, False), Canvas("container", 250, True)
SEEDS = 3


@pytest.fixture(scope="module")
def runs():
    """A merged report: one strategy on all tasks, one on each of two tasks alone."""
    front = nasbench.Task("nasbench201/cifar10", ["val_accuracy", "params"], evaluations=20)
    single = nasbench.Task("fcnet/protein_structure", evaluations=20)
    strategy = nasbench.strategies.create("random-search")
    entered = [(front, "random-search"), (front, "b-front-only"), (single, "random-search"), (single, "a-single-only")]
    return [
        nasbench.search(task, strategy, seed, entry=entry_of(strategy, label=label, salt=label))
        for task, label in entered
        for seed in range(SEEDS)
    ]


@pytest.fixture(scope="module")
def data(runs):
    return collect(runs)


@pytest.fixture(scope="module")
def drawn(data):
    return {figure.name: figure for figure in figures(data)}


def found(spec, key):
    """All values under a key, anywhere in a spec."""
    if isinstance(spec, dict):
        here = [spec[key]] if key in spec else []
        return here + [value for part in spec.values() for value in found(part, key)]
    return [value for part in spec for value in found(part, key)] if isinstance(spec, list) else []


def rows(spec, kind):
    """Data rows of a Pareto chart's layer."""
    (stored,) = spec["datasets"].values()
    return [row for row in csv.DictReader(io.StringIO(stored)) if row["kind"] == kind]


@pytest.mark.parametrize("name", ["pareto", "anytime", "final-regret", "speedup", "runtime-distribution"])
def test_charts_side_by_side_state_one_scale_of_colours(drawn, data, name):
    scales = [colour["scale"] for colour in found(drawn[name].paper, "color") if isinstance(colour, dict)]
    assert len(scales) > 1
    assert all(scale == scales[0] for scale in scales)
    styles = styles_of(data.strategies)
    assert dict(zip(scales[0]["domain"], scales[0]["range"], strict=True)) == {
        label: styles[label].colour for label in scales[0]["domain"]
    }


def test_each_strategy_is_painted_in_its_own_colour(drawn, data):
    svg = vl_convert.vegalite_to_svg(drawn["final-regret"].paper)
    dots = re.findall(r'<path[^>]*aria-roledescription="circle"[^>]*>', svg) or re.findall(
        r"<path[^>]*stroke=\"#ffffff\"[^>]*>", svg
    )
    painted = Counter(re.search(r'fill="(#[0-9a-f]{6})"', dot)[1] for dot in dots)
    styles = styles_of(data.strategies)
    expected = {"random-search": 2 * SEEDS, "a-single-only": SEEDS, "b-front-only": SEEDS}
    assert painted == {styles[label].colour: count for label, count in expected.items()}


def test_the_legend_names_what_a_figure_draws(data):
    styles = styles_of(data.strategies)
    assert list(drawn_styles(styles, data.curves, data.tasks)) == [
        "random-search", "a-single-only", "b-front-only", RANDOM_SEARCH_EXACT, RANDOM_SEARCH_SIMULATED,
    ]  # fmt: skip
    assert list(drawn_styles(styles, data.fronts, data.tasks)) == ["random-search", "b-front-only", EXACT_FRONT]


@pytest.mark.parametrize("canvas", [PAPER, PAGE])
def test_the_pareto_chart_draws_the_front_as_steps(data, runs, canvas):
    facts = data.tasks[0]
    (view,) = views_of(data.tasks)
    spec = pareto_fronts(data.fronts, view, styles_of(data.strategies), canvas).to_dict()
    known = front_truth_of(runs[0].task)
    steps = np.array([[float(row["x"]), float(row["y"])] for row in rows(spec, "exact")])
    by_params = known.front[np.argsort(known.front[:, 1])]
    np.testing.assert_allclose(steps[1:-1], by_params[:, ::-1], rtol=1e-4)
    # From the lowest accuracy of the axis up to the first point, and level from the last one to its end.
    assert steps[0, 0] == steps[1, 0]
    assert steps[-1, 1] == steps[-2, 1]
    titles = {encoding["axis"]["title"] for key in "xy" for encoding in found(spec, key) if isinstance(encoding, dict)}
    assert titles == {"params, smaller is better", "validation accuracy (%), larger is better"}
    assert facts.front == len(known.front)
    assert styles_of(data.strategies)[EXACT_FRONT].colour == INK
    for key, worst, best in (("x", 1.073e6, 73306), ("y", 84.66, 91.61)):
        low, high = next(e for e in found(spec, key) if isinstance(e, dict))["scale"]["domain"]
        assert low < min(worst, best)
        assert high > max(worst, best)
    assert ("params" in spec) == canvas.interactive


def test_three_objectives_are_drawn_pair_by_pair_without_steps():
    goals = (Goal("val_accuracy", "%", "maximize", 1), Goal("params", "count", "minimize", -1),
             Goal("latency_ms", "ms", "minimize", -1))  # fmt: skip
    points = {"val_accuracy": [90.0, 80.0, 89.0], "params": [3.0, 1.0, 4.0], "latency_ms": [5.0, 9.0, 6.0]}
    frame = pd.DataFrame(
        {
            "task": "t",
            "strategy": [EXACT_FRONT, EXACT_FRONT, "gp"],
            "kind": ["exact", "exact", "median"],
            "seed": -1,
            **points,
        }
    )
    task = nasbench.Task("nasbench201/cifar10", ["val_accuracy", "params", "latency_ms"], evaluations=5)
    facts = facts_of(task, "t")
    assert facts.goals == goals
    views = list(views_of([facts]))
    assert [(view.up.name, view.across.name) for view in views] == [
        ("val_accuracy", "params"), ("val_accuracy", "latency_ms"), ("params", "latency_ms"),
    ]  # fmt: skip
    spec = pareto_fronts(frame, views[1], styles_of(["gp"]), PAPER).to_dict()
    assert not rows(spec, "exact")
    assert [(row["x"], row["y"]) for row in rows(spec, "exact point")] == [("5", "90"), ("9", "80")]
    assert {encoding["axis"]["title"] for encoding in found(spec, "x") if isinstance(encoding, dict)} == {
        "latency (ms), smaller is better"
    }


def test_a_front_of_one_point_can_be_drawn():
    frame = pd.DataFrame(
        {"task": "t", "strategy": [EXACT_FRONT, "gp"], "kind": ["exact", "median"], "seed": -1,
         "val_accuracy": [90.0, 80.0], "params": [3.0, 3.0]}
    )  # fmt: skip
    task = nasbench.Task("nasbench201/cifar10", ["val_accuracy", "params"], evaluations=5)
    (view,) = views_of([facts_of(task, "t")])
    spec = pareto_fronts(frame, view, styles_of(["gp"]), PAPER).to_dict()
    assert vl_convert.vegalite_to_svg(spec).count("<svg") == 1
    for key in "xy":
        low, high = next(e for e in found(spec, key) if isinstance(e, dict))["scale"]["domain"]
        assert low < high


def test_the_page_speaks_of_sets_where_there_are_several_objectives(runs, tmp_path):
    report = write_report(runs, tmp_path, {})
    html = report.page.read_text(encoding="utf-8")
    assert {"pareto.svg", "pareto.png"} <= {path.name for path in report.files}
    text = " ".join(re.sub(r"<[^>]*>", " ", html.split("<script")[0]).split())
    for said in (
        "maximize validation accuracy (%), minimize params (count)",
        "front of 13 points",
        "random search, simulated",
        "random search (simulated)",
        "exact Pareto front",
        "IGD+",
        "100 random draws: evaluations",
        "lowest mean hypervolume regret",
        "lowest mean table regret",
    ):
        assert said in text, said
    single = [run for run in runs if len(run.task.objectives) == 1]
    write_report(single, tmp_path, {})
    assert not (tmp_path / "pareto.svg").exists()
    assert "simulated)" not in (tmp_path / "index.html").read_text(encoding="utf-8").split("Glossary</h2>")[0]


def test_runs_that_found_nothing_still_make_a_page(runs, tmp_path):
    empty = [replace(run, trace=run.trace[:0], stop="failed", error="no luck") for run in runs[:2]]
    html = write_report(empty, tmp_path, {}).page.read_text(encoding="utf-8")
    assert "found a value" in html
    assert "nan" not in re.findall(r"\w+", re.sub(r"<[^>]*>", " ", html.split("<script")[0]))


def test_the_terminal_shows_what_sets_have(runs, capsys):
    print_comparison(summary(runs), headlines(runs))
    first, second = capsys.readouterr().out.split("\n\n")[:2]
    assert "hypervolume regret" in first
    for head in ("hypervolume", "IGD+", "set size", "speed-up"):
        assert head in first
        assert (head in second) == (head == "speed-up")
    assert "observed" not in first
    assert "observed" in second


def test_surfaces_hold_only_tasks_with_several_objectives(runs):
    assert surfaces(runs)["task"].nunique() == 1
    assert surfaces([run for run in runs if len(run.task.objectives) == 1]).empty


def test_a_comparison_gives_its_fronts(runs, tmp_path):
    frame = Comparison(runs, tmp_path).fronts()
    assert frame.groupby(["strategy", "seed"]).size().to_dict() == {
        (run.entry.label, run.seed): len(run.front) for run in runs if len(run.task.objectives) > 1
    }
