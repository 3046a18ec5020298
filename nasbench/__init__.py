"""Compare neural-architecture-search algorithms fairly, on real published tables.

    >>> import nasbench
    >>> bench = nasbench.load("nasbench201/cifar10")
    >>> bench.query((4, 2, 1, 2, 1, 1), "val_accuracy", repeat=0)
    82.09199998291015

The public names are imported when they are first used, so that `import nasbench` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasbench import datasets, predictors, strategies
    from nasbench.analysis.explanation import explain
    from nasbench.benchmark import Benchmark, load
    from nasbench.comparison import Comparison, compare
    from nasbench.prediction_task import PredictionTask
    from nasbench.predictor_comparison import PredictorComparison, compare_predictors
    from nasbench.predictor_run import PredictorSpec
    from nasbench.run import Run
    from nasbench.runner import search
    from nasbench.spaces.grid import GridSpace
    from nasbench.study import Study
    from nasbench.task import Task

__version__ = "0.1.0"

_HOMES = {
    "Benchmark": "nasbench.benchmark",
    "Comparison": "nasbench.comparison",
    "GridSpace": "nasbench.spaces.grid",
    "PredictionTask": "nasbench.prediction_task",
    "PredictorComparison": "nasbench.predictor_comparison",
    "PredictorSpec": "nasbench.predictor_run",
    "Run": "nasbench.run",
    "Study": "nasbench.study",
    "Task": "nasbench.task",
    "compare": "nasbench.comparison",
    "compare_predictors": "nasbench.predictor_comparison",
    "explain": "nasbench.analysis.explanation",
    "load": "nasbench.benchmark",
    "search": "nasbench.runner",
}
_PACKAGES = ("datasets", "predictors", "strategies")

__all__ = [
    "Benchmark",
    "Comparison",
    "GridSpace",
    "PredictionTask",
    "PredictorComparison",
    "PredictorSpec",
    "Run",
    "Study",
    "Task",
    "__version__",
    "compare",
    "compare_predictors",
    "datasets",
    "explain",
    "load",
    "predictors",
    "search",
    "strategies",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _PACKAGES:
        value = import_module(f"nasbench.{name}")
    else:
        raise AttributeError(f"module 'nasbench' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
