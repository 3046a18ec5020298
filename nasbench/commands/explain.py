"""The command `explain`: which operation at which position matters, and how sure a predictor is of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.commands.printing import AsJson, Name, table

if TYPE_CHECKING:
    from nasbench.analysis.explanation import Explanation


def explain(
    name: Name,
    metric: Annotated[str | None, typer.Option(help="What is explained; the table's objective by default.")] = None,
    predictor: Annotated[str, typer.Option(help="What is asked; only xgboost has exact Shapley values.")] = "xgboost",
    n: Annotated[int, typer.Option("--n", min=1, help="Architectures that it learns from, drawn uniformly.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random; the same seed, the same numbers.")] = 0,
    ranks: Annotated[
        bool, typer.Option("--ranks", help="Explain the order of the values instead of the values.")
    ] = False,
    allow_test: Annotated[bool, typer.Option("--allow-test", help="Explain a test column.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a page with charts.")] = None,
    as_json: AsJson = False,
) -> None:
    """Which choice at which position matters: Shapley values, partial dependence, permutation importance.

    Beside them the exact main effects of the whole table, where there is one, and how well the estimates agree.
    """
    from nasbench.analysis import explanation as explanations
    from nasbench.report.explanation_words import findings, summary

    found = explanations.explain(name, metric, predictor, n, seed, ranks=ranks, allow_test=allow_test)
    if as_json:
        typer.echo(json.dumps(summary(found), indent=2))
    else:
        _print(found)
        typer.echo()
        for line in findings(found):
            typer.echo(line)
    if out is not None:
        from nasbench.report.explanation_page import write_explanation

        page = write_explanation(found, out).page
        if not as_json:
            typer.echo(f"\npage with charts:  {page}")


def _print(found: Explanation) -> None:
    """Positions, then choices, as tables of text."""
    from nasbench.report.effect_charts import effect_title, shown_method
    from nasbench.report.numbers import decimals_for, fixed, percent

    positions, choices = found.positions(), found.choices()
    shares = {"exact_main": "exact, by itself", "exact_total": "exact, with interactions",
              "dependence": "partial dependence", "permutation": "permutation"}  # fmt: skip
    places = decimals_for(positions["shapley"])
    typer.echo(f"share of the variance of {found.metric.name}, and mean |Shapley value|")
    table(
        [
            {"position": row["position"]}
            | {title: percent(row[key]) for key, title in shares.items() if positions[key].notna().any()}
            | ({"Shapley": fixed(row["shapley"], places)} if positions["shapley"].notna().any() else {})
            for row in positions.to_dict("records")
        ]
    )
    places = decimals_for(choices[shown_method(found)].abs())
    names = {"exact": "exact", "shapley": "Shapley", "dependence": "partial dependence", "sample": "labels' means"}
    typer.echo(f"\n{effect_title(found)}: mean given the choice minus the grand mean")
    table(
        [
            {"position": row["position"], "choice": row["choice"]}
            | {title: fixed(row[key], places) for key, title in names.items() if choices[key].notna().any()}
            for row in choices.to_dict("records")
        ]
    )
