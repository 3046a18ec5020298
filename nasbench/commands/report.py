"""The report of kept runs: `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench.commands import compare, predictors
from nasbench.commands.printing import AsJson


def report(
    runs: Annotated[Path, typer.Argument(help="A folder with runs.sqlite or predictors.sqlite, or the file.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; beside the runs by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """The same table, charts and page from kept runs, without running anything."""
    from nasbench import comparison, predictor_comparison

    file = runs / comparison.RUNS_FILE if runs.is_dir() else runs
    others = file.with_name(predictor_comparison.RUNS_FILE)
    if file == others or (others.is_file() and not file.is_file()):
        predictors.finish(predictor_comparison.from_records(others, out), True, as_json)
    else:
        compare.finish(comparison.from_records(runs, out), True, as_json)
