"""One record of NATS-Bench or NAS-Bench-201: the dictionaries of an architecture -> checked numbers.

Facts of a record: {schedule: {arch_index, arch_str, all_results, dataset_seed, clear_net_done}};
`all_results[(training, seed)]` is {name, seed, epochs, arch_config, params (10^6), flop (10^6), latency (a list of
seconds), net_state_dict, eval_names, train_acc1es, train_acc5es, train_losses, train_times by the epoch from 0, and
eval_acc1es, eval_losses, eval_times by `set@epoch`}. Accuracies are in %. A latency of -1, no list of latencies or of
times, or an evaluation set of which there is nothing (early releases lack some): NaN here. A set of which only some
epochs are there, or more of them than the schedule has curves for, is another layout and refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.nats_layout import TRAININGS, Family
from nasbench.datasets.importers.official import number
from nasbench.errors import ImportFileError

SCHEDULE_KEYS = ("arch_index", "arch_str", "all_results", "dataset_seed")
RUN_KEYS = (
    "name", "seed", "epochs", "params", "flop", "latency", "train_acc1es", "train_losses", "train_times",
    "eval_acc1es", "eval_losses", "eval_times",
)  # fmt: skip
"""What is read of a record; it holds more (top-5 accuracies, the network's settings, no weights)."""

MAX_SEEDS = 4
"""Training seeds of one schedule; the published files have up to three."""

Floats = NDArray[np.float64]


class Run(NamedTuple):
    """The numbers of one training.

    Attributes:
        protocol, training, seed: which training it is.
        final: metric -> its value after the last epoch, or of the whole training; NaN where missing.
        curve: metric -> `(E,)` values after each epoch.
    """

    protocol: str
    training: str
    seed: int
    final: Mapping[str, float]
    curve: Mapping[str, Floats]


def runs(family: Family, found: Any, index: int, text: str, where: str) -> Iterator[Run]:
    """The trainings of one record.

    Args:
        family: whose record it is.
        found: the record, as it was unpickled.
        index: official number that the record should have.
        text: official string of that architecture.
        where: what the record is, for errors.

    Raises:
        ImportFileError: another architecture, a key that is missing or unknown, or a value out of range.
    """
    schedules = _having(found, family.schedules.values(), where)
    if len(schedules) != len(family.schedules):
        raise ImportFileError(f"{where}: expected the schedules {', '.join(family.schedules.values())} and no others")
    for protocol, key in family.schedules.items():
        at = f"{where}, schedule {key}"
        fields = _having(schedules[key], SCHEDULE_KEYS, at)
        if type(fields["arch_index"]) is not int or fields["arch_index"] != index or fields["arch_str"] != text:
            raise ImportFileError(f"{at}: it is not about architecture {index}, {text}")
        results = fields["all_results"]
        for training, seed in _trainings(results, fields["dataset_seed"], at):
            yield _run(family, protocol, training, seed, results[training, seed], f"{at}, {training}, seed {seed}")


def _trainings(results: Any, seeds: Any, where: str) -> list[tuple[str, int]]:
    """The (training, seed) pairs of a schedule, in order; both lists of them must agree."""
    if not isinstance(results, dict) or not isinstance(seeds, dict) or not all(map(_is_list, seeds.values())):
        raise ImportFileError(f"{where}: all_results and dataset_seed are no objects")
    listed = [(training, seed) for training, several in seeds.items() for seed in several]
    for pair in listed:
        if pair[0] not in TRAININGS or type(pair[1]) is not int or not 0 <= pair[1] < 1 << 31:
            raise ImportFileError(f"{where}: dataset_seed has a training that is none of {', '.join(TRAININGS)}")
    if len(set(listed)) != len(listed) or set(listed) != results.keys():
        raise ImportFileError(f"{where}: all_results does not hold the trainings that dataset_seed lists")
    return sorted(listed)


def _having(value: Any, keys: Iterable[str], where: str) -> Mapping[Any, Any]:
    """The value, if it is an object that has the keys, perhaps among others."""
    if type(value) is not dict:
        raise ImportFileError(f"{where}: expected an object, got {type(value).__name__}")
    lacking = [key for key in keys if key not in value]
    if lacking:
        raise ImportFileError(f"{where} lacks {', '.join(lacking)}")
    return value


def _is_list(value: Any) -> bool:
    return type(value) is list and len(value) <= MAX_SEEDS


def _run(family: Family, protocol: str, training: str, seed: int, found: Any, where: str) -> Run:
    fields = _having(found, RUN_KEYS, where)
    epochs, known = int(protocol), TRAININGS[training]
    said = fields["seed"]
    if not (
        said == seed if type(said) is int else isinstance(said, str) and said.isdecimal() and int(said[:9]) == seed
    ):
        raise ImportFileError(f"{where}: the training says that it has another seed")
    if fields["name"] != training or fields["epochs"] != epochs:
        raise ImportFileError(f"{where}: it is no training of {epochs} epochs on {training}")
    for key in ("train_acc1es", "train_losses", "eval_acc1es", "eval_losses", "eval_times"):
        if type(fields[key]) is not dict:
            raise ImportFileError(f"{where}: {key} is no object")
    complete = family.curves(protocol, training)
    final: dict[str, float] = {}
    curve: dict[str, Floats] = {}
    for key, metric, high in (("acc1es", "accuracy", 100.0), ("losses", "loss", math.inf)):
        at = f"{where}, train_{key}"
        values = _numbers(fields[f"train_{key}"], range(epochs), high, at)
        curve[f"{known.train}_{metric}"], final[f"{known.train}_{metric}"] = values, float(values[-1])
        found_keys, asked = fields[f"eval_{key}"], 0
        for name, (prefix, _) in known.sets.items():
            keys = set_keys(name, epochs) if name in complete else set_keys(name, epochs)[-1:]
            if keys[-1] not in found_keys:
                continue
            values = _numbers(found_keys, keys, high, f"{where}, eval_{key}")
            final[f"{prefix}_{metric}"] = float(values[-1])
            if name in complete:
                curve[f"{prefix}_{metric}"] = values
            asked += len(keys)
        if len(found_keys) != asked:
            raise ImportFileError(f"{where}, eval_{key}: expected {asked} numbers, found {len(found_keys)}")
    final |= _costs(fields, known.sets, epochs, where)
    return Run(protocol, training, seed, final, curve)


def _as_seed(said: Any) -> Any:
    """The seed as a number; the files write it as four digits."""
    return int(said) if isinstance(said, str) and said.isdecimal() and len(said) < 10 else said


@cache
def set_keys(name: str, epochs: int) -> tuple[str, ...]:
    """Official keys of an evaluation set, an epoch after another: `x-valid@0` and so on."""
    return tuple(f"{name}@{epoch}" for epoch in range(epochs))


def _numbers(found: Mapping[Any, Any], keys: Sequence[Any], high: float, where: str) -> Floats:
    """The values of the keys, if each is a number from 0 to `high` (a loss may be no number: it diverged)."""
    try:
        values = [found[key] for key in keys]
    except KeyError as error:
        raise ImportFileError(f"{where} lacks {error.args[0]}") from error
    if not set(map(type, values)) <= {float, int}:
        raise ImportFileError(f"{where} holds something that is no number")
    try:
        numbers = np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise ImportFileError(f"{where} holds a number that is too large") from error
    inside = (numbers >= 0) & (numbers <= high)
    if not (inside | np.isnan(numbers) if high == math.inf else inside).all():
        raise ImportFileError(f"{where} holds a number that is not in 0 to {high}")
    return numbers


def _costs(fields: Mapping[str, Any], sets: Mapping[str, Any], epochs: int, where: str) -> dict[str, float]:
    costs = {
        "params": number(fields["params"], f"{where}, params", 0, 1e6),
        "flops": number(fields["flop"], f"{where}, flop", 0, 1e9),
        "latency": _latency(fields["latency"], f"{where}, latency"),
        "train_seconds": math.nan,
    }
    if fields["train_times"] is not None:
        if type(fields["train_times"]) is not dict or len(fields["train_times"]) != epochs:
            raise ImportFileError(f"{where}: train_times does not have a time for each of the {epochs} epochs")
        times = _numbers(fields["train_times"], range(epochs), 1e9, f"{where}, train_times")
        # a running sum, as the official reader adds them: the same last bit in every release of Python
        costs["train_seconds"] = float(np.add.accumulate(times)[-1])
    if "x-valid" in sets:
        key = set_keys("x-valid", epochs)[-1]
        seconds = fields["eval_times"].get(key)
        costs["eval_seconds"] = number(seconds, f"{where}, eval_times, {key}", 0, 1e9, null=True)
    return costs


def _latency(found: Any, where: str) -> float:
    """Mean of the measured seconds; NaN where there are none, or -1 stands for them."""
    if found is None or (type(found) is list and not found):
        return math.nan
    if type(found) is not list or len(found) > 1000:
        raise ImportFileError(f"{where}: expected a list of seconds")
    seconds = [number(value, where, -1, 1e6) for value in found]
    mean = float(np.add.accumulate(seconds)[-1]) / len(seconds)
    return mean if mean > 0 else math.nan
