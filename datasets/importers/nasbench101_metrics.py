"""NAS-Bench-101's protocol-buffer messages, many at a time.

Facts of the format: `ModelMetrics` (proto2) = {1: evaluation_data, three messages `EvaluationData`; 2:
trainable_parameters, int32; 3: total_time, double}; `EvaluationData` = {1: current_epoch; 2: training_time
(s, without evaluation); 3: train_accuracy; 4: validation_accuracy; 5: test_accuracy: doubles; 6:
checkpoint_path, a string that may be left blank}. The three are made before training, halfway and at its end.
Every field is optional: one that is not there is NaN here.

A writer puts fields in the order of their numbers, so that without checkpoint paths every message has its
doubles at the same bytes: these are decoded as arrays, after every tag was compared. Whatever is laid out
in another way is read field by field.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.readers.protobuf_wire import BYTES, FIXED64, VARINT, fields
from nasbench.errors import ImportFileError

POINTS, VALUES = 3, 5

_DOUBLE = 9
_EVALUATION = 2 + VALUES * _DOUBLE
_FIXED = POINTS * _EVALUATION
_MAX_VARINT = 5
_MAX_PARAMETERS = (1 << 31) - 1
_WIDTH = _FIXED + 1 + _MAX_VARINT + _DOUBLE
_PARAMETERS, _TOTAL_TIME = 2 << 3 | VARINT, 3 << 3 | FIXED64


def _layout() -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Positions of the fixed tags, their values, and positions of the fifteen doubles."""
    tags, doubles = {}, []
    for begin in range(0, _FIXED, _EVALUATION):
        tags[begin], tags[begin + 1] = 1 << 3 | BYTES, VALUES * _DOUBLE
        for value in range(VALUES):
            tags[begin + 2 + value * _DOUBLE] = (value + 1) << 3 | FIXED64
            doubles.append(begin + 3 + value * _DOUBLE)
    tags[_FIXED] = _PARAMETERS
    return np.array([*tags]), np.array([*tags.values()], dtype=np.uint8), np.array(doubles)


_TAG_AT, _TAGS, _DOUBLE_AT = _layout()


def decode(messages: Sequence[bytes], where: Callable[[int], str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The numbers of n messages.

    Args:
        messages: `ModelMetrics`, each whole.
        where: what the message at a position is, for errors.

    Returns:
        `(n, 3, 5)` doubles, [point, field], exactly as published, and `(n,)` parameter counts.

    Raises:
        ImportFileError: a message is cut off, has an unknown field or one twice, or lacks an evaluation
            or the parameter count.
    """
    lengths = np.array([len(message) for message in messages], dtype=np.int64)
    joined = b"".join(
        [message.ljust(_WIDTH, b"\0") if len(message) <= _WIDTH else bytes(_WIDTH) for message in messages]
    )
    block = np.frombuffer(joined, dtype=np.uint8).reshape(-1, _WIDTH)
    usual, parameters = _parameters(block, lengths)
    usual &= (block[:, _TAG_AT] == _TAGS).all(axis=1)
    places = (_DOUBLE_AT[:, None] + np.arange(8)).ravel()
    numbers = block[:, places].reshape(-1).view("<f8").astype(np.float64).reshape(-1, POINTS, VALUES)
    for odd in np.flatnonzero(~usual).tolist():
        numbers[odd], parameters[odd] = _decode_one(messages[odd], where(odd))
    return numbers, parameters


def _parameters(block: NDArray[np.uint8], lengths: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which messages end with a parameter count of one to five bytes and a double, and these counts."""
    digits = lengths - (_FIXED + 1 + _DOUBLE)
    inside = (digits >= 1) & (digits <= _MAX_VARINT)
    varint = block[:, _FIXED + 1 : _FIXED + 1 + _MAX_VARINT].astype(np.int64)
    place = np.arange(_MAX_VARINT)
    mine = place < digits[:, None]
    usual = inside & ((varint >= 0x80) == (place < digits[:, None] - 1)).all(axis=1, where=mine)
    parameters = (((varint & 0x7F) << 7 * place) * mine).sum(axis=1)
    end = np.where(inside, _FIXED + 1 + digits, 0)
    usual &= (block[np.arange(len(block)), end] == _TOTAL_TIME) & (parameters <= _MAX_PARAMETERS)
    return usual, parameters


def _decode_one(message: bytes, where: str) -> tuple[NDArray[np.float64], int]:
    points: list[list[float]] = []
    found: dict[int, int | bytes] = {}
    for number, kind, value in fields(message, where):
        if number == 1 and kind == BYTES and isinstance(value, bytes):
            points.append(_evaluation(value, where))
        elif (number, kind) in ((2, VARINT), (3, FIXED64)) and number not in found:
            found[number] = value
        else:
            raise ImportFileError(f"{where}: ModelMetrics has the unknown or repeated field {number}")
    parameters = found.get(2)
    if len(points) != POINTS or not isinstance(parameters, int) or parameters > _MAX_PARAMETERS:
        raise ImportFileError(f"{where}: ModelMetrics has not {POINTS} evaluations and a count of parameters")
    return np.array(points), parameters


def _evaluation(message: bytes, where: str) -> list[float]:
    found: dict[int, float] = {}
    for number, kind, value in fields(message, where):
        if 1 <= number <= VALUES and kind == FIXED64 and isinstance(value, bytes) and number not in found:
            found[number] = struct.unpack("<d", value)[0]
        elif (number, kind) != (VALUES + 1, BYTES):
            raise ImportFileError(f"{where}: EvaluationData has the unknown or repeated field {number}")
    return [found.get(number, math.nan) for number in range(1, VALUES + 1)]
