"""FBNet: 22 layers of a fixed macro-architecture, each one of eight inverted-residual blocks or a skip.

Source: Wu et al., FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search,
CVPR 2019; the operations in the order of HW-NAS-Bench (Li et al., ICLR 2021).
"""

from __future__ import annotations

from functools import cache

from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace

LAYERS = 22
OPERATIONS = ("k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip")
"""Official codes 0 to 8: kernel size k, expansion e, groups g of the block."""


@cache
def fbnet_space() -> GridSpace:
    """All 9^22 networks, about 10^21; a genotype is the official list of 22 operation codes.

    Too large for a 64-bit index and for a table: sample from it, and look costs up with
    `nasbench.datasets.importers.fbnet_costs`.
    """
    return GridSpace([Parameter(f"layer {i}", OPERATIONS) for i in range(1, LAYERS + 1)])
