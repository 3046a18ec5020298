"""Charts hold the data that they should."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from nasbench.analysis.random_reference import RANDOM_SEARCH_EXACT
from nasbench.report.critical_difference import critical_difference
from nasbench.report.data import TaskFacts
from nasbench.report.distributions import final_regret
from nasbench.report.intervals import speedups
from nasbench.report.lines import HOVER_POINTS, anytime, runtime_distribution
from nasbench.report.marks import FOCUS, Canvas
from nasbench.report.pairwise import improvement_matrix
from nasbench.report.theme import GREY, styles_of

LABELS = ["random-search", "gp", 'evil</script>, "x"\n2']
STYLES = styles_of(LABELS)
FACTS = TaskFacts("family/data", "val_accuracy", "%", "maximize", 91.6, 15625, "150 evaluations", "sampled", 0.11)
PAPER, PAGE = Canvas(400, 250, False), Canvas("container", 250, True)


def curve_frame(axis="evaluations", zero=False):
    x = np.arange(1.0, 151.0) * (1.0 if axis == "evaluations" else 2000.0)
    frames = []
    for i, label in enumerate([*LABELS, RANDOM_SEARCH_EXACT]):
        mean = 5 / np.arange(1.0, 151.0) + 0.01 * i
        if zero and label == "gp":
            mean[100:] = 0.0
        frames.append(
            pd.DataFrame(
                {
                    "task": FACTS.label, "strategy": label, "axis": axis, "x": x, "mean": mean, "low": mean * 0.5,
                    "high": mean * 2, "median": mean, "observed": 91.0, "seeds": 20, "exact": i == 3,
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def layers(spec):
    if "layer" not in spec:
        return [spec]
    return [leaf for part in spec["layer"] for leaf in layers({"data": spec.get("data"), **part})]


def marks(spec, kind):
    return [layer for layer in layers(spec) if layer["mark"]["type"] == kind]


def rows(spec, layer):
    data = layer["data"]
    stored = spec["datasets"][data["name"]]
    return list(csv.DictReader(io.StringIO(stored))) if isinstance(stored, str) else stored


@pytest.mark.parametrize("canvas", [PAPER, PAGE])
def test_anytime_lines_are_the_frame(canvas):
    frame = curve_frame()
    spec = anytime(frame, FACTS, STYLES, canvas).to_dict()
    (line,), (band,) = marks(spec, "line"), marks(spec, "area")
    drawn = pd.DataFrame(rows(spec, line))
    for label, expected in frame.groupby("strategy"):
        got = drawn[drawn["strategy"] == label]
        for column in ("x", "mean", "low", "high"):
            np.testing.assert_allclose(got[column].astype(float), expected[column], rtol=5e-5)
    assert (band["encoding"]["y"]["field"], band["encoding"]["y2"]["field"]) == ("low", "high")
    assert line["encoding"]["y"]["scale"]["type"] == "log"
    colours = line["encoding"]["color"]["scale"]
    assert dict(zip(colours["domain"], colours["range"], strict=True)) == {k: s.colour for k, s in STYLES.items()}
    dashes = line["encoding"]["strokeDash"]["scale"]
    assert dict(zip(dashes["domain"], dashes["range"], strict=True))[RANDOM_SEARCH_EXACT] != [1, 0]
    assert "percentage points" in line["encoding"]["y"]["axis"]["title"]


def test_a_regret_of_zero_is_on_the_axis():
    spec = anytime(curve_frame(zero=True), FACTS, STYLES, PAPER).to_dict()
    y = marks(spec, "line")[0]["encoding"]["y"]
    assert y["scale"]["type"] == "symlog"
    assert y["scale"]["domain"][0] < 0
    assert y["axis"]["values"][0] == 0


def test_simulated_time_is_in_a_readable_unit():
    spec = anytime(curve_frame("seconds"), FACTS, STYLES, PAPER).to_dict()
    (line,) = marks(spec, "line")
    assert line["encoding"]["x"]["title"] == "simulated days"
    assert max(float(row["x"]) for row in rows(spec, line)) == pytest.approx(300_000 / 86_400, rel=1e-4)


def test_the_noise_floor_is_a_region_up_to_it():
    spec = anytime(curve_frame(), FACTS, STYLES, PAPER).to_dict()
    (region,) = marks(spec, "rect")
    ((row,),) = [rows(spec, region)]
    assert row["to"] == 0.11
    assert not marks(anytime(curve_frame(), FACTS._replace(noise_floor=None), STYLES, PAPER).to_dict(), "rect")


def test_only_the_page_answers_the_mouse():
    page, paper = (anytime(curve_frame(), FACTS, STYLES, canvas).to_dict() for canvas in (PAGE, PAPER))
    (points,) = marks(page, "point")
    answering = [row for row in rows(page, points) if row["hover"] == "1"]
    assert 0 < len(answering) <= HOVER_POINTS * 4
    assert {FOCUS, "nearest"} <= {param["name"] for param in page["params"]}
    assert "params" not in paper
    assert not marks(paper, "point")
    assert paper["title"]["text"] == ["family/data"]
    assert page["width"] == "container"


def test_bands_of_many_strategies_wait_for_focus():
    many = pd.concat([curve_frame().assign(strategy=f"s{i}") for i in range(12)])
    styles = styles_of([f"s{i}" for i in range(12)])
    assert not marks(anytime(many, FACTS, styles, PAPER).to_dict(), "area")
    (band,) = marks(anytime(many, FACTS, styles, PAGE).to_dict(), "area")
    assert band["encoding"]["opacity"]["value"] == 0


def test_runtime_distribution_is_the_frame():
    frame = pd.DataFrame({"task": FACTS.label, "strategy": "gp", "x": [1.0, 10.0, 150.0], "reached": [0.0, 0.25, 1.0]})
    spec = runtime_distribution(frame, FACTS, STYLES, PAPER).to_dict()
    assert [float(row["reached"]) for row in rows(spec, marks(spec, "line")[0])] == [0.0, 0.25, 1.0]


def test_final_regret_has_a_dot_a_run_and_the_best_first():
    frame = pd.DataFrame(
        {
            "task": FACTS.label,
            "strategy": ["gp"] * 3 + ["random-search"] * 3 + ["broken"],
            "seed": [0, 1, 2, 0, 1, 2, 0],
            "regret": [0.5, 0.7, 0.9, 0.2, 0.1, 0.0, np.nan],
            "observed": 90.0,
            "architecture": "cell",
        }
    )
    spec = final_regret(frame, FACTS, styles_of(["gp", "random-search", "broken"]), PAPER, 0.51).to_dict()
    (dots,) = marks(spec, "circle")
    drawn = rows(spec, dots)
    assert [(row["strategy"], float(row["regret"])) for row in drawn] == [
        (s, r) for s, r in zip(frame["strategy"], frame["regret"], strict=True) if r == r
    ]
    assert dots["encoding"]["y"]["sort"] == ["random-search", "gp"]
    assert all(abs(float(row["jitter"])) <= 0.5 for row in drawn)
    (reference,) = [layer for layer in marks(spec, "rule") if layer["mark"].get("strokeDash")]
    assert rows(spec, reference) == [{"random_search": 0.51}]
    assert reference["mark"]["color"] == GREY


def test_speedups_keep_their_intervals():
    frame = pd.DataFrame(
        {
            "strategy": ["random-search", "gp", "broken"],
            "speedup": [1.0, 12.0, np.nan],
            "speedup_low": [0.7, 8.0, np.nan],
            "speedup_high": [1.4, 18.0, np.nan],
        }
    )
    spec = speedups(frame, "task", STYLES, PAPER).to_dict()
    (points,) = marks(spec, "point")
    assert [(r["strategy"], float(r["low"]), float(r["high"])) for r in rows(spec, points)] == [
        ("gp", 8.0, 18.0),
        ("random-search", 0.7, 1.4),
    ]
    low, high = points["encoding"]["x"]["scale"]["domain"]
    assert low < 0.7
    assert high > 18


def test_the_matrix_shows_both_directions_of_a_pair():
    frame = pd.DataFrame(
        {"better": ["gp"], "worse": ["random-search"], "improvement": [0.9], "p_holm": [0.001], "significant": [True]}
    )
    spec = improvement_matrix(frame, ["gp", "random-search"], "task", PAPER).to_dict()
    cells = {(r["strategy"], r["other"]): r for r in rows(spec, marks(spec, "rect")[0])}
    assert float(cells["gp", "random-search"]["improvement"]) == 0.9
    assert float(cells["random-search", "gp"]["improvement"]) == pytest.approx(0.1)
    assert cells["gp", "random-search"]["text"] == "0.90*"


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("count", [2, 5, 20])
def test_critical_difference_geometry(count, two_sided):
    ranks = np.linspace(1.2, count - 0.3, count)
    names = [f"strategy-{i}" for i in range(count)]
    frame = pd.DataFrame({"strategy": names, "average_rank": ranks, "cliques": [(0,), (0,), *[()] * (count - 2)]})
    spec = critical_difference(frame, "t", styles_of(names), 700, two_sided).to_dict()
    dots = rows(spec, marks(spec, "circle")[0])
    by_name = {row["strategy"]: row for row in dots}
    assert list(by_name) == names
    x = [by_name[name]["rank"] for name in names]
    np.testing.assert_allclose(np.diff(x) / np.diff(ranks), (x[1] - x[0]) / (ranks[1] - ranks[0]), rtol=1e-2)
    assert len({(row["side"], row["leader"]) for row in dots}) == count
    for first in dots:
        for second in dots:
            low, high = sorted((first["rank"], first["edge"]))
            crosses = low < second["rank"] < high and second["leader"] > first["leader"]
            assert not crosses, (first["strategy"], second["strategy"])
    (bars,) = [layer for layer in marks(spec, "rule") if layer["mark"].get("strokeCap") == "round"]
    ((bar,),) = [rows(spec, bars)]
    covered = {name for name in names if bar["x"] <= by_name[name]["rank"] <= bar["x2"]}
    assert covered == set(names[:2])


def test_no_cliques_no_bars():
    frame = pd.DataFrame({"strategy": ["a", "b"], "average_rank": [1.0, 2.0], "cliques": [(), ()]})
    spec = critical_difference(frame, "", styles_of(["a", "b"]), 320, False).to_dict()
    assert not [layer for layer in marks(spec, "rule") if layer["mark"].get("strokeCap") == "round"]
