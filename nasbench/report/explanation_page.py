"""Writes an explanation: one offline page, its charts as SVG and PNG, the numbers as CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.report.cell_chart import HEIGHT, WIDTH, cell_chart, has_cell
from nasbench.report.cells import Cell, Column, Head, Table, fixed_column, formatted, table
from nasbench.report.effect_charts import (
    METHOD_NAMES,
    agreement_chart,
    effect_title,
    effects_chart,
    importance_chart,
    shown_method,
)
from nasbench.report.explanation_words import findings, settings, summary
from nasbench.report.gallery import Figure, Panel, page_spec, paper_spec
from nasbench.report.marks import Canvas
from nasbench.report.numbers import decimals_for, percent
from nasbench.report.site import Report, images, write_whole

if TYPE_CHECKING:
    from nasbench.analysis.explanation import Explanation

_PAPER = 620
_ROW, _TALL_ROW = 34, 40


def write_explanation(explanation: Explanation, out: Path) -> Report:
    """Write the page and its files directly into a folder; same explanation, same bytes.

    Args:
        explanation: of a metric.
        out: the folder; made where it does not exist.

    Raises:
        OSError: the folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    drawn = list(figures(explanation))
    files: dict[str, bytes] = {}
    for figure in drawn:
        svg, png = images(figure)
        files |= {f"{figure.name}.svg": svg.encode(), f"{figure.name}.png": png}
    for name, frame in (("choices.csv", explanation.choices()), ("positions.csv", explanation.positions())):
        files[name] = frame.to_csv(index=False, lineterminator="\n").encode()
    files["explanation.json"] = (json.dumps(summary(explanation), indent=2) + "\n").encode()
    files["index.html"] = page(explanation, drawn).encode()
    written = tuple(write_whole(out / name, content) for name, content in files.items())
    return Report(out, out / "index.html", written)


def figures(explanation: Explanation) -> Iterator[Figure]:
    """The charts, in the page's order."""
    rows = explanation.space.length
    if has_cell(explanation):
        canvas = Canvas(WIDTH, HEIGHT, True)
        yield Figure(
            "cell",
            "The cell",
            "Colour and width of an edge: the share of the metric's variance in which its operation takes part. At "
            "the edge: the operation with the best effect, that effect, and the edge's share.",
            paper_spec(cell_chart(explanation, canvas._replace(interactive=False))),
            [Panel(explanation.benchmark, page_spec(cell_chart(explanation, canvas)), "fixed")],
        )
    height = _ROW * rows + 30
    yield Figure(
        "importance",
        "Which position matters",
        "By itself: variance of the position's main effect. With interactions: variance that would go if the position "
        "were known last; the difference is what it does together with others. Estimates are shares of the labels' "
        "variance.",
        paper_spec(importance_chart(explanation, Canvas(_PAPER, height, False))),
        [Panel(explanation.benchmark, page_spec(importance_chart(explanation, Canvas("container", height, True))))],
    )
    wide = max(_PAPER, 84 * max(explanation.space.cardinalities))
    height = _TALL_ROW * rows
    yield Figure(
        "effects",
        "Which choice helps",
        f"{effect_title(explanation).capitalize()}: the mean given the choice minus the grand mean. Blue is better, "
        f"orange is worse. Shown: {METHOD_NAMES.get(shown_method(explanation), 'the exact effects of the table')}.",
        paper_spec(effects_chart(explanation, Canvas(wide, height, False))),
        [Panel(explanation.benchmark, page_spec(effects_chart(explanation, Canvas("container", height, True))))],
    )
    if explanation.exact is not None:
        yield Figure(
            "agreement",
            "Estimates against the whole table",
            f"One dot a choice. The estimates know {explanation.labels:,} architectures, the exact effects all "
            f"{explanation.exact.rows:,}; on the dashed line they agree.",
            paper_spec(agreement_chart(explanation, Canvas(460, 360, False))),
            [Panel(explanation.benchmark, page_spec(agreement_chart(explanation, Canvas("container", 360, True))))],
        )


def page(explanation: Explanation, drawn: list[Figure]) -> str:
    """The page as HTML: every name escaped, every script inline and admitted by its hash."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from nasbench.report.embed import json_for_script, script_hash, vega_bundle
    from nasbench.report.theme import CONFIG

    folder = resources.files("nasbench.report")
    script = folder.joinpath("page.js.j2").read_text(encoding="utf-8")
    bundle = vega_bundle()
    environment = Environment(
        loader=PackageLoader("nasbench.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    specs: list[dict[str, Any]] = []
    specs_before = {}
    for figure in drawn:
        specs_before[figure.name] = len(specs)
        specs += [panel.spec for panel in figure.panels]
    return environment.get_template("explanation.html.j2").render(
        title=f"What matters on {explanation.benchmark}",
        css=Markup(folder.joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
        bundle=Markup(bundle),  # noqa: S704  checked by vega_bundle
        script=Markup(script),  # noqa: S704  our own file
        script_hashes=[script_hash(bundle), script_hash(script)],
        specs=Markup(json_for_script({"config": CONFIG, "specs": specs})),  # noqa: S704  escaped
        figures=drawn,
        specs_before=specs_before,
        findings=findings(explanation),
        tables=[positions_table(explanation), choices_table(explanation)],
        settings=settings(explanation),
    )


def positions_table(explanation: Explanation) -> Table:
    """Shares and importances by position."""
    frame = explanation.positions()
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    heads = {
        "exact_main": Head("exact, by itself", "Variance of the exact main effect as a share of the table's variance"),
        "exact_total": Head("exact, with interactions", "Share of the variance in which the position takes part"),
        "dependence": Head("partial dependence", "Estimate of the share by itself"),
        "permutation": Head("permutation", "Half of the explained variance that shuffling the position loses"),
    }
    columns: list[Column] = [(Head("position", numeric=False), lambda r: Cell(r["position"], r["position"]))]
    columns += [(head, formatted(name, percent)) for name, head in heads.items() if frame[name].notna().any()]
    if frame["shapley"].notna().any():
        about = f"Mean absolute Shapley value, in {explanation.unit or 'the unit of the metric'}"
        columns.append((Head("mean |Shapley|", about), fixed_column("shapley", rows)))
    return table("Positions", columns, rows)


def choices_table(explanation: Explanation) -> Table:
    """Effects by choice: the exact ones, and each estimate."""
    frame = explanation.choices()
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    places = decimals_for(frame[shown_method(explanation)].abs())
    names = {"exact": "exact", **METHOD_NAMES}
    columns: list[Column] = [
        (Head("position", numeric=False), lambda r: Cell(r["position"], r["position"])),
        (Head("choice", numeric=False), lambda r: Cell(r["choice"], r["choice"])),
    ]
    columns += [(Head(t), fixed_column(n, rows, places)) for n, t in names.items() if frame[n].notna().any()]
    return table("Choices", columns, rows, [f"{effect_title(explanation).capitalize()}."])
