"""What NATS-Bench and NAS-Bench-201 measured: schedules, trainings, and what each number means.

The two spaces (topology, size) share one layout. An architecture is trained with several schedules (`hp`), each
on four trainings: `cifar10-valid` (half of CIFAR-10's training images; validated on the other half), `cifar10`
(all of them), `cifar100` and `ImageNet16-120`. Evaluation sets are `x-valid`, `x-test` and `ori-test`; of
CIFAR-100 and ImageNet16-120 `ori-test` is the two others together, so that it is no validation set. Validation
accuracy on CIFAR-10 is that of `cifar10-valid`, test accuracy that of `cifar10`, as the authors report them.

Under the topology space's 200 epochs not every set was evaluated after every epoch; everywhere else all were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from nasbench.space import Genotypes, SearchSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.nats_size import NATSSizeSpace


class Training(NamedTuple):
    """One training set, and what its evaluations are called here.

    Attributes:
        dataset: of the table.
        sets: official evaluation set -> (prefix of our metrics, split).
        train: prefix of the metrics on its own training images.
        images: how many images an epoch has.
        what: one phrase for descriptions.
    """

    dataset: str
    sets: Mapping[str, tuple[str, str]]
    train: str
    images: int
    what: str


_HELD_OUT = {"x-valid": ("val", "valid"), "x-test": ("test", "test"), "ori-test": ("ori_test", "valid+test")}

TRAININGS: Mapping[str, Training] = {
    "cifar10-valid": Training(
        "cifar10", {"x-valid": ("val", "valid"), "ori-test": ("half_test", "test")}, "train", 25_000,
        "trained on half of CIFAR-10's training images",
    ),
    "cifar10": Training(
        "cifar10", {"ori-test": ("test", "test")}, "full_train", 50_000, "trained on all of CIFAR-10's training images"
    ),
    "cifar100": Training("cifar100", _HELD_OUT, "train", 50_000, "trained on CIFAR-100"),
    "ImageNet16-120": Training("imagenet16-120", _HELD_OUT, "train", 151_700, "trained on ImageNet16-120"),
}  # fmt: skip

EVERY_EPOCH_OF_200: Mapping[str, str] = {
    "cifar10-valid": "x-valid", "cifar10": "ori-test", "cifar100": "ori-test", "ImageNet16-120": "ori-test",
}  # fmt: skip
"""The one set that the 200-epoch trainings evaluated after every epoch; the others only at the end."""


@dataclass(frozen=True)
class Family:
    """One of the published tables.

    Args:
        name: of the family, unless the user gives another.
        title: of the table, without its size.
        space: makes the search space.
        order: genotypes `(A, G)` in the official order.
        order_sha256: of the newline-joined official strings.
        schedules: our protocol -> its key in the file; the first is the default.
        half_curves: protocols under which only `EVERY_EPOCH_OF_200` has a learning curve.
        citation: of the paper.
        url: where the files are published.
    """

    name: str
    title: str
    space: Callable[[], SearchSpace]
    order: Callable[[], Genotypes]
    order_sha256: str
    schedules: Mapping[str, str]
    half_curves: frozenset[str]
    citation: str
    url: str

    def curves(self, protocol: str, training: str) -> tuple[str, ...]:
        """The evaluation sets that have a number after every epoch."""
        if protocol in self.half_curves:
            return (EVERY_EPOCH_OF_200[training],)
        return tuple(TRAININGS[training].sets)


_NATS = (
    "X. Dong, L. Liu, K. Musial, B. Gabrys. NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and "
    "Size. IEEE TPAMI 2021. https://arxiv.org/abs/2009.00437"
)

TOPOLOGY = Family(
    name="nats-tss",
    title="NATS-Bench topology",
    space=NASBench201Space,
    order=lambda: NASBench201Space().official_order(),
    order_sha256="83abc799e45cf34e9d2163654668ab998b9a54d01c39e72ca1f71f2cdf356d84",
    schedules={"200": "200", "12": "12"},
    half_curves=frozenset({"200"}),
    citation=_NATS,
    url="https://github.com/D-X-Y/NATS-Bench",
)

SIZE = Family(
    name="nats-sss",
    title="NATS-Bench size",
    space=NATSSizeSpace,
    order=lambda: NATSSizeSpace().all(),
    order_sha256="8b99b4c0aabe959924c6fb36c0ee4a3f79362343e36b7752b90deee9409b492f",
    schedules={"90": "90", "12": "12", "01": "01"},
    half_curves=frozenset(),
    citation=_NATS,
    url="https://github.com/D-X-Y/NATS-Bench",
)

NASBENCH201 = replace(
    TOPOLOGY,
    name="nasbench201-full",
    title="NAS-Bench-201, all metrics",
    schedules={"200": "full", "12": "less"},
    citation=(
        "X. Dong, Y. Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search. ICLR 2020. "
        "https://arxiv.org/abs/2001.00326"
    ),
    url="https://github.com/D-X-Y/NAS-Bench-201",
)
