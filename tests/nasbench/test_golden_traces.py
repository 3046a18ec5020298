"""Golden traces: a strategy whose traces change has to raise its `version`.

After raising a version (or adding a strategy), write the file anew with

    python tests/nasbench/test_golden_traces.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import nasbench
from nasbench.errors import MissingExtraError
from nasbench.run import TRACE_VERSION
from nasbench.strategies import REGISTRY, create
from nasbench.strategies.conformance import _Driver
from nasbench.strategies.landscapes import GRID, Landscape

FILE = Path(__file__).with_name("golden_traces.json")
BENCHMARK = "nasbench201/cifar10"
OBJECTIVES = ("val_accuracy", "params", "latency_ms")
SEEDS = (0, 1)
EVALUATIONS = 120
BLAS_EVALUATIONS = 16
"""Model-based runs are compared by their architectures only, and for so long that the start of the design
and a few choices of the model are covered: their last float bit may differ across machines."""


def record(name: str) -> dict[str, object]:
    """What the file keeps of a strategy: whole hashes, or rows where the linear algebra has a say."""
    strategy = create(name)
    budget = BLAS_EVALUATIONS if strategy.uses_blas else EVALUATIONS
    if strategy.needs_fidelities or "proxies" in strategy.uses:  # no table that is always installed has these
        runs = [_Driver(strategy, ()).run(Landscape(GRID), EVALUATIONS, seed=seed) for seed in SEEDS]
        asked = [[[GRID.index(genotype), epoch] for genotype, epoch in run] for run in runs]
        return {"version": strategy.version, "evaluations": EVALUATIONS, "asked": asked}
    objective = None if strategy.min_objectives < 2 else OBJECTIVES[: strategy.min_objectives]
    task = nasbench.Task(BENCHMARK, objective=objective, evaluations=budget)
    runs = [nasbench.search(task, strategy, seed) for seed in SEEDS]
    kept: dict[str, object] = {"version": strategy.version, "evaluations": budget}
    if strategy.uses_blas:
        kept["rows"] = [run.trace["row"].tolist() for run in runs]
    else:
        kept["trace_hashes"] = [run.trace_hash for run in runs]
    return kept


def names() -> list[str]:
    """Registered strategies whose optional dependencies are installed here."""
    found = []
    for name in REGISTRY.table:
        try:
            REGISTRY.get(name)
        except MissingExtraError:
            continue
        found.append(name)
    return sorted(found)


@pytest.fixture(scope="module")
def golden():
    return json.loads(FILE.read_text())


@pytest.mark.parametrize("name", names())
def test_the_traces_are_the_golden_ones(golden, name):
    anew = "write the golden traces anew: python tests/nasbench/test_golden_traces.py"
    assert name in golden["strategies"], f"{name} has no golden trace; {anew}"
    assert golden["trace_version"] == TRACE_VERSION, f"TRACE_VERSION was raised; {anew}"
    kept, now = golden["strategies"][name], record(name)
    assert kept["version"] == now["version"], f"the version of {name} was raised; {anew}"
    assert kept == now, (
        f"the traces of {name} changed at version {now['version']}: if that is meant, raise `version` in its class "
        f"(or TRACE_VERSION in nasbench/run.py where the engine changed) and {anew}"
    )


def test_the_file_names_no_strategy_that_is_gone(golden):
    assert set(golden["strategies"]) <= set(REGISTRY.table)


def main() -> None:
    """Write the file."""
    about = {"benchmark": BENCHMARK, "seeds": list(SEEDS), "trace_version": TRACE_VERSION}
    lines = [f'  "{name}": {json.dumps(record(name))}' for name in names()]
    head = json.dumps(about, indent=1).removesuffix("\n}")
    FILE.write_text(f'{head},\n "strategies": {{\n' + ",\n".join(lines) + "\n }\n}\n")
    sys.stdout.write(f"wrote {FILE}: {', '.join(names())}\n")


if __name__ == "__main__":
    main()
