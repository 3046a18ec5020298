"""The page, the charts and the command of explanations."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from nasbench.analysis.explanation import explain
from nasbench.cli import app
from nasbench.parameter import Parameter
from nasbench.report import cell_chart
from nasbench.report.effect_charts import agreement_chart, effects_chart, importance_chart
from nasbench.report.explanation_page import figures, write_explanation
from nasbench.report.marks import Canvas
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import EDGES

QUICK = {"n_estimators": 10, "members": 2}
PAGE = Canvas(500, 300, True)


@pytest.fixture(scope="module")
def cells():
    return explain("nasbench201/cifar10", n=60, **QUICK)


@pytest.fixture
def odd(make_table, make_column, make_protocol):
    """A grid whose names want to be markup, and whose best choice is the smallest value."""
    space = GridSpace(
        [Parameter("<b>x</b>", ("</script>", "b&c", "d")), Parameter("y", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10))]
    )
    values = space.all() @ [10.0, 1.0]
    final = {"val_accuracy": make_column(values, direction="minimize")}
    return make_table(make_protocol(final=final), space=space)


def rows(chart):
    """All rows of a chart's data."""
    return [row for data in chart.to_dict()["datasets"].values() for row in data]


def test_the_cell_shows_each_edge_with_its_exact_share_and_best_operation(cells):
    drawn = rows(cell_chart.cell_chart(cells, PAGE))
    labels = {row["edge"]: row for row in drawn if "edge" in row}
    assert set(labels) == {f"{a} → {b}" for a, b in EDGES}
    totals = cells.exact.totals
    for edge, (a, b) in enumerate(EDGES):
        assert labels[f"{a} → {b}"]["importance"] == pytest.approx(totals[edge], abs=1e-6)
        best = cells.space.operations[int(np.argmax(cells.exact.main.effects[edge]))]
        assert labels[f"{a} → {b}"]["label"].startswith(best)


def test_arcs_join_their_nodes_and_do_not_cross_inside():
    arcs = {edge: cell_chart._arc(*edge) for edge in EDGES}
    for (a, b), arc in arcs.items():
        np.testing.assert_allclose(arc[[0, -1]], [[a, 0.0], [b, 0.0]], atol=1e-12)
    high, low = arcs[0, 3], arcs[1, 3]
    inside = (low[1:-1, 0] > 0) & (low[1:-1, 0] < 3)
    above = np.interp(low[1:-1, 0], high[:, 0], high[:, 1])
    assert (above[inside] > low[1:-1, 1][inside]).all()
    assert (arcs[0, 2][1:-1, 1] < 0).all()


def test_arrow_heads_point_along_their_edges(cells):
    heads = {row["edge"]: row["angle"] for row in rows(cell_chart.cell_chart(cells, PAGE)) if "angle" in row}
    for straight in ("0 → 1", "1 → 2", "2 → 3"):
        assert heads[straight] == pytest.approx(90.0)  # a triangle points up at angle 0
    assert 90 < heads["0 → 3"] < 180  # down to the right
    assert 0 < heads["0 → 2"] < 90  # up to the right


def test_charts_carry_the_numbers_of_the_explanation(cells):
    effects = {(r["position"], r["choice"]): r for r in rows(effects_chart(cells, PAGE))}
    for row in cells.choices().to_dict("records"):
        shown = effects[row["position"], row["choice"]]
        assert shown["exact"] == pytest.approx(row["exact"], rel=1e-5)
        assert shown["good"] == pytest.approx(row["exact"], rel=1e-5)
    shares = [r["share"] for r in rows(importance_chart(cells, PAGE)) if r["series"] == "exact, with interactions"]
    np.testing.assert_allclose(shares, cells.exact.totals, rtol=1e-5)
    dots = [r for r in rows(agreement_chart(cells, PAGE)) if "method" in r]
    assert len(dots) == 3 * 30


def test_blue_is_better_where_less_is_better(odd):
    found = explain(odd, n=30, **QUICK)
    for row in rows(effects_chart(found, PAGE)):
        assert row["good"] == pytest.approx(-row["exact"], abs=1e-5)


def test_a_page_is_offline_escaped_and_the_same_twice(odd, tmp_path):
    found = explain(odd, n=30, **QUICK)
    report, again = (write_explanation(found, tmp_path / name) for name in ("one", "two"))
    names = {path.name for path in report.files}
    assert names == {
        *(f"{chart}.{kind}" for chart in ("importance", "effects", "agreement") for kind in ("svg", "png")),
        "choices.csv", "positions.csv", "explanation.json", "index.html",
    }  # fmt: skip
    for ours, theirs in zip(report.files, again.files, strict=True):
        assert ours.read_bytes() == theirs.read_bytes()
    page = report.page.read_text()
    head = page[: page.index('<script type="application/json"')]
    assert "<b>x</b>" not in head
    assert "&lt;b&gt;x&lt;/b&gt;" in head
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert page.count("</script>") == 3
    places = [int(n) for n in re.findall(r'data-spec="(\d+)"', page)]
    assert places == list(range(len(list(figures(found)))))


def test_a_cell_has_a_chart_of_its_own_and_other_spaces_do_not(cells, odd):
    assert [figure.name for figure in figures(cells)] == ["cell", "importance", "effects", "agreement"]
    assert "cell" not in [figure.name for figure in figures(explain(odd, n=30, **QUICK))]
    with pytest.raises(TypeError, match="no cell"):
        cell_chart.cell_chart(explain(odd, n=30, **QUICK), PAGE)


def test_the_command_prints_tables_findings_and_json(odd, tmp_path):
    run = CliRunner().invoke
    text = run(app, ["explain", odd, "--n", "30"])
    assert text.exit_code == 0, text.output
    assert "exact, by itself" in text.output
    assert "matters most" in text.output
    out = run(app, ["explain", odd, "--n", "30", "--json", "--out", str(tmp_path / "why")])
    told = json.loads(out.stdout)
    assert told["labels"] == 30
    assert told["exact_rows"] == 30
    assert {row["choice"] for row in told["choices"]} >= {"</script>", "10"}
    assert all(row["exact"] is None or math.isfinite(row["exact"]) for row in told["choices"])
    assert told == json.loads((tmp_path / "why" / "explanation.json").read_text())


def test_help_has_examples():
    text = CliRunner().invoke(app, ["explain", "--help"]).output
    for shown in ("--metric", "--predictor", "--seed", "--out", "--json", "--ranks", "explain nasbench201/cifar10"):
        assert shown in text
