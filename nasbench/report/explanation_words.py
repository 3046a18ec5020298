"""An explanation in sentences, and as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench.report.effect_charts import METHOD_NAMES, shown_method
from nasbench.report.numbers import difference_unit, known, metric_name, number, percent

if TYPE_CHECKING:
    from nasbench.analysis.explanation import Explanation


def findings(explanation: Explanation) -> list[str]:
    """What a reader should take away, most important first."""
    frame = explanation.positions()
    exact = explanation.exact is not None
    main, total = ("exact_main", "exact_total") if exact else ("dependence", "permutation")
    key = total if frame[total].notna().all() else main
    first = frame.iloc[int(np.nanargmax(frame[key]))]
    lines = [
        f"{first['position']} matters most: "
        + f"by itself it has {percent(first[main])} of the variance of {metric_name(explanation.metric.name)}"
        + (f", with its interactions {percent(first[total])}." if known(first[total]) else ".")
    ]
    if exact and explanation.independent:
        lines.append(
            f"All main effects together have {percent(float(frame['exact_main'].sum()))} of the variance; "
            f"the rest are interactions."
        )
    choices = explanation.choices()
    method = shown_method(explanation)
    best = choices.iloc[int(np.nanargmax(explanation.metric.sign * choices[method]))]
    worst = choices.iloc[int(np.nanargmin(explanation.metric.sign * choices[method]))]
    unit = "normal scores" if explanation.ranks else difference_unit(explanation.metric.unit)
    lines.append(
        f"The best single choice is {best['choice']} at {best['position']} ({_plus(best[method])} {unit}), the worst "
        f"{worst['choice']} at {worst['position']} ({_plus(worst[method])})."
    )
    quality = explanation.quality
    lines.append(
        f"The predictor {explanation.predictor} explains {percent(max(quality.r2, 0.0))} of the variance of labels "
        f"that it has not seen (Kendall tau {number(quality.kendall_tau)})."
    )
    for name, value in explanation.agreement().items():
        lines.append(f"Rank correlation of the exact effects with those by {METHOD_NAMES[name]}: {number(value)}.")
    return lines + caveats(explanation)


def caveats(explanation: Explanation) -> list[str]:
    """What an effect does not mean here."""
    lines = []
    if not explanation.independent:
        lines.append(
            "Not every combination of choices is an architecture here, so that an effect is that of the company which "
            "a choice keeps, too; shares do not add up, and shuffling would make architectures that do not exist."
        )
    if explanation.metric.scale == "log" and not explanation.ranks:
        lines.append("This metric spans orders of magnitude: the largest values decide; --ranks explains the order.")
    return lines


def settings(explanation: Explanation) -> dict[str, str]:
    """What it takes to do the same again."""
    metric = explanation.metric
    features = "one-hot columns" if "shapley" in explanation.effects else "its own features"
    labels = f"{explanation.labels:,} architectures, mean over their training runs, seed {explanation.seed}"
    return {
        "benchmark": explanation.benchmark,
        "metric": f"{metric.name} ({metric.unit}), {metric.direction}, split {metric.split}",
        "effects on": "normal scores of the ranks" if explanation.ranks else "the metric's values",
        "predictor": f"{explanation.predictor}, on {features}",
        "labels": labels,
    }


def summary(explanation: Explanation) -> dict[str, Any]:
    """All of it as JSON values; null where a number is not known."""
    quality = explanation.quality
    frames = {"positions": explanation.positions(), "choices": explanation.choices()}
    return {
        "benchmark": explanation.benchmark,
        "metric": explanation.metric.name,
        "unit": explanation.unit,
        "direction": explanation.metric.direction,
        "ranks": explanation.ranks,
        "predictor": explanation.predictor,
        "labels": explanation.labels,
        "seed": explanation.seed,
        "held_out_r2": _json(quality.r2),
        "held_out_kendall_tau": _json(quality.kendall_tau),
        "exact_rows": None if explanation.exact is None else explanation.exact.rows,
        "positions_independent": explanation.independent,
        "rank_correlation": {name: _json(value) for name, value in explanation.agreement().items()},
        **{
            name: [
                {str(k): v if isinstance(v, str) else _json(v) for k, v in row.items()} for row in f.to_dict("records")
            ]
            for name, f in frames.items()
        },
    }


def _json(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _plus(value: float) -> str:
    return ("+" if value > 0 else "") + number(float(value))
