"""Latency and energy of FBNet networks, added up from the operations that HW-NAS-Bench measured.

Facts of the format: `d["fbnet"][metric]` of `HW-NAS-Bench-v1_0.pickle` is {operation: cost} for eight metrics; an
operation's name holds its shape, e.g. `ConvBlock_H32_W32_Cin16_Cout16_exp1_kernel3_stride1_group1`. The cost of a
network is the sum over its stem, its 22 layers, the 1x1 convolution at its head, the average pool and the classifier,
in ms or mJ for one image. Two macro-architectures: `cifar100` (32 x 32 pixels, strides 1 1 2 2 1 2 1, head of 1504
channels) and `imagenet` (224 x 224, strides 1 2 2 2 1 2 1, stem of stride 2, head of 1984).

A sum is an estimate: no network of the 9^22 was measured as a whole, and none was trained. So this is no table, but a
function of genotypes of `nasbench.spaces.fbnet`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.datasets.importers.hw_nas_bench import UNITS
from nasbench.datasets.importers.hw_nas_bench_pickle import part
from nasbench.datasets.importers.official import number
from nasbench.errors import ImportFileError, UnknownNameError
from nasbench.spaces.fbnet import OPERATIONS, fbnet_space

METRICS = ("edgegpu_latency", "edgegpu_energy", "raspi4_latency", "pixel3_latency", "eyeriss_latency",
           "eyeriss_energy", "fpga_latency", "fpga_energy")  # fmt: skip

STEM_CHANNELS = 16
STAGE_LAYERS = (1, 4, 4, 4, 4, 4, 1)
STAGE_CHANNELS = (16, 24, 32, 64, 112, 184, 352)


@dataclass(frozen=True)
class _Macro:
    pixels: int
    stem_stride: int
    strides: tuple[int, ...]
    head_channels: int
    classes: int


_MACROS = {
    "cifar100": _Macro(32, 1, (1, 1, 2, 2, 1, 2, 1), 1504, 100),
    "imagenet": _Macro(224, 2, (1, 2, 2, 2, 1, 2, 1), 1984, 1000),
}


@dataclass(frozen=True)
class FBNetCosts:
    """Cost of each operation at each layer of one macro-architecture.

    Attributes:
        dataset: `cifar100` or `imagenet`.
        layers: metric -> `(22, 9)` cost of each operation at each layer.
        before: metric -> cost of the stem.
        after: metric -> costs of head, pool and classifier, in this order.
    """

    dataset: str
    layers: Mapping[str, NDArray[np.float64]]
    before: Mapping[str, float]
    after: Mapping[str, tuple[float, ...]]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names for `cost`: `edgegpu_latency_ms`, `edgegpu_energy_mj`, ..."""
        return tuple(self.layers)

    def cost(self, metric: str, genotypes: ArrayLike) -> NDArray[np.float64]:
        """Estimated cost of networks, in ms or mJ for one image.

        The terms are added in the official order, so that the sums are the official ones to the last bit.

        Args:
            metric: one of `metrics`.
            genotypes: `(n, 22)` operation codes, or a single `(22,)`.

        Returns:
            `(n,)`.

        Raises:
            UnknownNameError: no such metric.
            GenotypeError: no genotypes of `fbnet_space`.
        """
        if metric not in self.layers:
            raise UnknownNameError("FBNet cost", metric, self.metrics)
        batch = fbnet_space().check(genotypes)
        total = np.full(len(batch), self.before[metric])
        for layer, costs in enumerate(self.layers[metric]):
            total += costs[batch[:, layer]]
        for cost in self.after[metric]:
            total += cost
        return total


def read_fbnet_costs(path: Path | str) -> dict[str, FBNetCosts]:
    """The costs in `HW-NAS-Bench-v1_0.pickle`, by dataset: `cifar100` and `imagenet`.

    Raises:
        UnsafeFileError: the pickle asks for something that this format never needs, or is too large.
        ImportFileError: it is not the official file, or an operation is missing.
    """
    path = Path(path)
    tables = part(path, "fbnet")
    costs = {metric: _operations(tables.get(metric), f"{path}, fbnet, {metric}") for metric in METRICS}
    return {name: _of_macro(name, macro, costs, str(path)) for name, macro in _MACROS.items()}


def _operations(table: Any, where: str) -> dict[str, float]:
    if not isinstance(table, dict):
        raise ImportFileError(f"{where}: expected an object of the cost of each operation")
    return {str(name): number(value, f"{where}, {name!s:.80}", 0, 1e9) for name, value in table.items()}


def _of_macro(dataset: str, macro: _Macro, costs: Mapping[str, Mapping[str, float]], where: str) -> FBNetCosts:
    stem, layers, tail = _names(macro)
    made: dict[str, tuple[NDArray[np.float64], float, tuple[float, ...]]] = {}
    for metric, table in costs.items():
        if missing := [name for name in (stem, *(n for row in layers for n in row), *tail) if name not in table]:
            raise ImportFileError(f"{where}: fbnet, {metric} lacks the operation {missing[0]} of {dataset}")
        device, _, kind = metric.partition("_")
        made[f"{device}_{kind}_{UNITS[kind].lower()}"] = (
            np.array([[table[name] for name in row] for row in layers]), table[stem], tuple(table[n] for n in tail),
        )  # fmt: skip
    return FBNetCosts(
        dataset,
        {metric: values[0] for metric, values in made.items()},
        {metric: values[1] for metric, values in made.items()},
        {metric: values[2] for metric, values in made.items()},
    )


def _names(macro: _Macro) -> tuple[str, list[list[str]], list[str]]:
    """Official names of the stem, of each operation at each layer, and of head, pool and classifier."""
    size = macro.pixels
    stem = f"ConvNorm_{_shape(size, 3, STEM_CHANNELS)}_kernel3_stride{macro.stem_stride}_group1"
    size //= macro.stem_stride
    layers, source = [], STEM_CHANNELS
    for count, target, first in zip(STAGE_LAYERS, STAGE_CHANNELS, macro.strides, strict=True):
        for stride in (first, *[1] * (count - 1)):
            layers.append([_layer(operation, _shape(size, source, target), stride) for operation in OPERATIONS])
            size, source = size // stride, target
    head, classes = macro.head_channels, macro.classes
    tail = [
        f"ConvNorm_{_shape(size, source, head)}_kernel1_stride1_group1",
        f"AvgP_{_shape(size, head, head)}_kernel{size}_stride1",
        f"FC_Cin{head}_Cout{classes}",
    ]
    return stem, layers, tail


def _shape(size: int, source: int, target: int) -> str:
    return f"H{size}_W{size}_Cin{source}_Cout{target}"


def _layer(operation: str, shape: str, stride: int) -> str:
    """Official name of an operation, e.g. of `k3_e1_g2`."""
    if operation == "skip":
        return f"Skip_{shape}_stride{stride}"
    kernel, expansion, *groups = (code[1:] for code in operation.split("_"))
    return f"ConvBlock_{shape}_exp{expansion}_kernel{kernel}_stride{stride}_group{groups[0] if groups else 1}"
