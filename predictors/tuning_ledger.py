"""Which tables the defaults of predictors were chosen on: a committed list that reports can show."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple


class LedgerEntry(NamedTuple):
    """One choice of defaults.

    Attributes:
        predictors: names of the predictors that it concerns.
        parameters: what was chosen.
        tables: benchmarks that were looked at; () where the defaults are a paper's.
        seeds: of the training sets or runs that were looked at, in words.
        by: the figure that was compared, in words.
    """

    predictors: tuple[str, ...]
    parameters: tuple[str, ...]
    tables: tuple[str, ...]
    seeds: str
    by: str


@cache
def ledger() -> tuple[LedgerEntry, ...]:
    """All entries of `tuned_on.toml`, in its order."""
    text = resources.files("nasbench.predictors").joinpath("tuned_on.toml").read_text(encoding="utf-8")
    return tuple(
        LedgerEntry(
            tuple(entry["predictors"]), tuple(entry["parameters"]), tuple(entry["tables"]), entry["seeds"], entry["by"]
        )
        for entry in tomllib.loads(text)["entry"]
    )


def tuned_on(predictor: str) -> tuple[str, ...]:
    """The benchmarks on which defaults of a predictor were chosen, sorted; () where there is none."""
    return tuple(sorted({table for entry in ledger() if predictor in entry.predictors for table in entry.tables}))
