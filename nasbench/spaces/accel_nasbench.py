"""Accel-NASBench: MobileNet-like networks (MnasNet blocks) of seven stages.

Source: Ahmad et al., Accel-NASBench: Sustainable Benchmarking for Accelerator-Aware NAS, DAC 2024.
"""

from __future__ import annotations

from functools import cache

from nasbench.parameter import Parameter, Value
from nasbench.spaces.grid import GridSpace

BLOCKS = 7


@cache
def accel_nasbench_space() -> GridSpace:
    """36^6 x 48, about 10^11, networks: for each block its expansion e, kernel k, layers l, squeeze-excite se.

    The choices are those that occur in the published files; block 5 alone has up to four layers.
    """
    parameters = []
    for block in range(BLOCKS):
        layers = (1, 2, 3, 4) if block == 5 else (1, 2, 3)
        choices: dict[str, tuple[Value, ...]] = {"e": (1, 4, 6), "k": (3, 5), "l": layers, "se": (False, True)}
        parameters += [Parameter(f"block{block}_{key}", values, key != "se") for key, values in choices.items()]
    return GridSpace(parameters)
