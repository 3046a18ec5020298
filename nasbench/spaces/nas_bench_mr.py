"""NAS-Bench-MR: multi-resolution (HRNet-like) networks as vectors of 27 integers.

Source: Ding et al., Learning Versatile Neural Architectures by Propagating Network Codes, ICLR 2022.
"""

from __future__ import annotations

from functools import cache

from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace

STAGES = 4
DEPTHS = (1, 2, 3, 4)
WIDTHS = tuple(range(8, 129, 8))


@cache
def nas_bench_mr_space() -> GridSpace:
    """All 2^80 vectors, in the order of the official `embedding`.

    Two input widths; for each stage s of 1 to 4 the number of modules, then the residual units of each of
    its s branches, then the width of each; the last width. Depths are 1 to 4, widths multiples of 8 up to
    128 (what occurs in the published files). The genotype holds positions among these choices.
    """
    parameters = [Parameter(f"input width {i}", WIDTHS, True) for i in (1, 2)]
    for stage in range(1, STAGES + 1):
        branches = range(1, stage + 1)
        parameters.append(Parameter(f"stage {stage} modules", DEPTHS, True))
        parameters += [Parameter(f"stage {stage} branch {b} units", DEPTHS, True) for b in branches]
        parameters += [Parameter(f"stage {stage} branch {b} width", WIDTHS, True) for b in branches]
    return GridSpace([*parameters, Parameter("last width", WIDTHS, True)])
