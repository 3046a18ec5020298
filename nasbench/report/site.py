"""Writes a report: one offline page, its charts as SVG and PNG, the summary, the provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.report.numbers import count, ranges
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.report.data import ReportData
    from nasbench.report.gallery import Figure

TITLE = "Comparison of architecture search strategies"
PNG_SCALE = 2


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        out: the folder.
        page: `index.html` in it.
        files: all files of the report, in order of writing.
    """

    out: Path
    page: Path
    files: tuple[Path, ...]


def write_report(
    runs: Sequence[Run],
    out: Path,
    provenance: Mapping[str, Any],
    title: str = TITLE,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Analyse runs and write their report directly into a folder.

    Same runs and provenance, same bytes. Each file appears whole or not at all; charts of an earlier
    report that this one does not have are removed. Nothing is fetched, by this function or the page.

    Args:
        runs: exactly the runs to report; at least one.
        out: the folder; made where it does not exist.
        provenance: what it takes to do the same again, as JSON values; written as it is.
        title: of the page.
        progress: told what is being made.

    Raises:
        ValueError: there are no runs.
        OSError: the folder cannot be written.
    """
    from nasbench.report.data import collect

    return render(collect(runs, progress), Path(out), provenance, title, progress)


def render(
    data: ReportData,
    out: Path,
    provenance: Mapping[str, Any],
    title: str = TITLE,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Write the report of frames that are already computed; see `write_report`."""
    from nasbench.report.gallery import NAMES, figures

    drawn = list(figures(data))
    files = {"summary.csv": csv_of(data.summary), "provenance.json": json_of(provenance)}
    return write_files(out, drawn, NAMES, files, lambda: page(data, drawn, provenance, title), progress)


def write_files(
    out: Path,
    drawn: Sequence[Figure],
    names: Collection[str],
    files: Mapping[str, str],
    make_page: Callable[[], str],
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Write figures, data files and the page into a folder, each whole or not at all.

    Args:
        out: the folder; made where it does not exist.
        drawn: the figures.
        names: of all figures that such a report may have; files of those not drawn are removed.
        files: name -> content of the data files.
        make_page: the page's HTML.
        progress: told what is being made.
    """
    tell = progress or (lambda _: None)
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for figure in drawn:
        tell(f"chart: {figure.title.lower()}")
        svg, png = images(figure)
        written += [write_whole(out / f"{figure.name}.svg", svg.encode()), write_whole(out / f"{figure.name}.png", png)]
    written += [write_whole(out / name, content.encode()) for name, content in files.items()]
    tell("page")
    written.append(write_whole(out / "index.html", make_page().encode()))
    for name in set(names) - {figure.name for figure in drawn}:
        for suffix in (".svg", ".png"):
            (out / f"{name}{suffix}").unlink(missing_ok=True)
    return Report(out, out / "index.html", tuple(written))


def csv_of(frame: pd.DataFrame) -> str:
    """A frame as comma-separated text."""
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text


def json_of(value: Mapping[str, Any]) -> str:
    """JSON text that is the same for the same value."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def images(figure: Figure) -> tuple[str, bytes]:
    """A figure as SVG, and as PNG at twice its size."""
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(figure.paper, allowed_base_urls=[])
    return svg, vl_convert.svg_to_png(svg, scale=PNG_SCALE)


def page(data: ReportData, drawn: Sequence[Figure], provenance: Mapping[str, Any], title: str) -> str:
    """The page as HTML."""
    from nasbench.report import context

    return render_page("index.html.j2", title, _about(data), drawn, context.build(data, drawn, provenance))


def render_page(template: str, title: str, about: str, drawn: Sequence[Figure], variables: Mapping[str, Any]) -> str:
    """A template as HTML: every name escaped, every script inline and admitted by its hash.

    Args:
        template: a file of this package.
        title: the page's heading.
        about: the line below it.
        drawn: the figures, in the order of their specs in the page.
        variables: what else the template is given.
    """
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
    specs = [panel.spec for figure in drawn for panel in (*figure.panels, *figure.more)]
    return environment.get_template(template).render(
        title=title,
        about=about,
        css=Markup(folder.joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
        bundle=Markup(bundle),  # noqa: S704  checked by vega_bundle
        script=Markup(script),  # noqa: S704  our own file
        script_hashes=[script_hash(bundle), script_hash(script)],
        specs=Markup(json_for_script({"config": CONFIG, "specs": specs})),  # noqa: S704  escaped
        **variables,
    )


def _about(data: ReportData) -> str:
    budgets = list(dict.fromkeys(facts.budget for facts in data.tasks))
    parts = [
        count(len(data.strategies), "strategy", "strategies"),
        count(len(data.tasks), "task"),
        f"{count(len(data.seeds), 'seed')} ({ranges(data.seeds)})" if len(data.seeds) > 1 else f"seed {data.seeds[0]}",
        budgets[0] if len(budgets) == 1 else "several budgets",
    ]
    return " · ".join(parts)


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file that appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
