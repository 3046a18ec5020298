"""How a user says what a column means: `name:direction:split[:unit]`."""

from __future__ import annotations

from typing import NamedTuple

from nasbench.errors import ImportFileError, UnknownNameError

DIRECTIONS = {"maximize": "maximize", "max": "maximize", "minimize": "minimize", "min": "minimize"}
SPLITS = ("train", "valid", "test", "valid+test", "cost")
KNOWN_UNITS = {"train_seconds": "s", "eval_seconds": "s", "params": "count", "flops": "count"}
SIMULATED_TIME = "train_seconds"


class MetricSpec(NamedTuple):
    """One metric of an imported file.

    Attributes:
        name: of the metric in the table.
        column: of the file; the same as the name unless `name=column` was said.
        direction: `maximize` or `minimize`.
        split: `train`, `valid`, `test`, `valid+test` or `cost`.
        unit: of the values; empty where not said.
    """

    name: str
    column: str
    direction: str
    split: str
    unit: str = ""


def parse_metric(text: str) -> MetricSpec:
    """The metric that `name[=column]:direction:split[:unit]` describes.

    `direction` is maximize (max) or minimize (min); `split` is train, valid, test, valid+test
    (reporting only) or cost (params, times: not learned). `train_seconds` is the simulated clock: a
    cost in seconds. Example: `val_accuracy=Valid Acc:max:valid:%`.

    Raises:
        ImportFileError: the text has another shape, or names a metric that cannot be stored.
        UnknownNameError: no such direction or split.
    """
    if not isinstance(text, str):
        raise ImportFileError(f"a metric is a text name:direction:split[:unit], got {text!r}")
    parts = [part.strip() for part in text.split(":", 3)]
    if len(parts) < 3 or not all(parts[:3]):
        raise ImportFileError(
            f"metric {text!r}: expected name:direction:split[:unit], e.g. val_accuracy:maximize:valid:%"
        )
    name, _, column = (part.strip() for part in parts[0].partition("="))
    if not name or "/" in name or set(name) <= {"."} or not name.isprintable():
        raise ImportFileError(f"metric {text!r}: {name!r} cannot name a metric; use letters, digits and _")
    direction, split = parts[1].lower(), parts[2].lower()
    if direction not in DIRECTIONS:
        raise UnknownNameError(f"direction of metric {name}", parts[1], ("maximize", "minimize"))
    if split not in SPLITS:
        raise UnknownNameError(f"split of metric {name}", parts[2], SPLITS)
    unit = parts[3] if len(parts) > 3 and parts[3] else _usual_unit(name)
    if name == SIMULATED_TIME and (split != "cost" or unit != "s"):
        raise ImportFileError(
            f"metric {text!r}: {SIMULATED_TIME} is the simulated clock, so it is a cost in s; give another "
            "name to anything else"
        )
    return MetricSpec(name, column or name, DIRECTIONS[direction], split, unit)


def _usual_unit(name: str) -> str:
    return KNOWN_UNITS.get(name, "ms" if name.endswith("_ms") else "")
