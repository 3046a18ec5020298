"""Joint architecture and hyper-parameter grids of two published tables of fully connected networks.

The choices stand in the order of the tables' own parameters, so that a genotype read as digits is
the key of the table.
"""

from __future__ import annotations

from functools import cache

from nasbench.parameter import Value
from nasbench.spaces.grid import GridSpace

_UNITS = (16, 32, 64, 128, 256, 512)

_FCNET: dict[str, tuple[Value, ...]] = {
    "activation_fn_1": ("relu", "tanh"),
    "activation_fn_2": ("relu", "tanh"),
    "batch_size": (8, 16, 32, 64),
    "dropout_1": (0.0, 0.3, 0.6),
    "dropout_2": (0.0, 0.3, 0.6),
    "init_lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
    "lr_schedule": ("cosine", "const"),
    "n_units_1": _UNITS,
    "n_units_2": _UNITS,
}

_HPOBENCH_MLP: dict[str, tuple[Value, ...]] = {
    "alpha": (
        1e-8,
        7.742637e-8,
        5.994842e-7,
        4.641589e-6,
        3.5938137e-5,
        2.7825593e-4,
        2.1544348e-3,
        1.6681006e-2,
        1.2915497e-1,
        1,
    ),
    "batch_size": (4, 6, 10, 16, 25, 40, 64, 101, 161, 256),
    "depth": (1, 2, 3),
    "learning_rate_init": (
        1e-5,
        3.5938137e-5,
        1.2915497e-4,
        4.641589e-4,
        1.6681006e-3,
        5.9948424e-3,
        2.1544347e-2,
        7.742637e-2,
        2.7825594e-1,
        1,
    ),
    "width": (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024),
}


@cache
def fcnet_space() -> GridSpace:
    """The 62,208 networks and recipes of HPOlib FC-Net; numbers are ordered, names categorical.

    Source: Klein and Hutter, Tabular Benchmarks for Joint Architecture and Hyperparameter
    Optimization, 2019.
    """
    return GridSpace.of(_FCNET)


@cache
def hpobench_mlp_space() -> GridSpace:
    """The 30,000 networks and recipes of HPOBench's multi-layer perceptron; all numbers, ordered.

    Source: Eggensperger et al., HPOBench, NeurIPS 2021 Datasets and Benchmarks.
    """
    return GridSpace.of(_HPOBENCH_MLP)
