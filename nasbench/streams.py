"""The three random streams of a run: `design`, `noise` and `strategy`.

Each is keyed by a sha256 over all that it may depend on, so that a seed never gives the same
sequence on two tasks, every strategy of a seed starts from the same design and sees the same
training run of an architecture, and nothing else is shared.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

MASK = (1 << 64) - 1
_GOLDEN, _MIX_A, _MIX_B = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def _digest(parts: tuple[object, ...]) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def generator(*parts: object) -> np.random.Generator:
    """A PCG64 generator from a `SeedSequence` over the sha256 of the parts (JSON values)."""
    words = np.frombuffer(_digest(parts), dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence(words))


def noise_key(task_id: str, seed: int) -> int:
    """64-bit key of a run's noise stream; it knows no strategy."""
    return int.from_bytes(_digest(("noise", task_id, seed))[:8], "little")


def uniform_picker(key: int) -> Callable[[int, int], int]:
    """A function (counter, count) -> a number from 0 to count - 1, fixed by key and counter only.

    SplitMix64 of the counter, scaled: Steele et al., Fast Splittable Pseudorandom Number Generators,
    OOPSLA 2014. Scaling the upper 32 bits is uniform to 2^-32 of the count.
    """
    mask, golden, mix_a, mix_b = MASK, _GOLDEN, _MIX_A, _MIX_B
    start = key + golden

    def pick(counter: int, count: int) -> int:
        z = (start + counter * golden) & mask
        z = ((z ^ (z >> 30)) * mix_a) & mask
        z = ((z ^ (z >> 27)) * mix_b) & mask
        return (((z ^ (z >> 31)) >> 32) * count) >> 32

    return pick


def genotype_counter(genotype: Sequence[int]) -> int:
    """64-bit hash of an architecture: its counter in a noise stream where no table gives it a row."""
    packed = struct.pack(f"<{len(genotype)}i", *genotype)
    return int.from_bytes(hashlib.sha256(packed).digest()[:8], "little")


def normal_drawer(key: int) -> Callable[[int], float]:
    """A function counter -> a standard normal number, fixed by key and counter only.

    The quantile of 53 random bits, taken at the middle of their cell, so that it is finite.
    """
    pick, quantile = uniform_picker(key), NormalDist().inv_cdf

    def draw(counter: int) -> float:
        high, low = pick(counter, 1 << 32), pick(counter ^ MASK, 1 << 21)
        return quantile((((high << 21) | low) + 0.5) * 2.0**-53)

    return draw


def uniform_indices(key: int, counters: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """`uniform_picker` of whole arrays, equal to it element by element."""
    with np.errstate(over="ignore"):
        z = np.uint64(key) + (counters.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_A)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_B)
        z ^= z >> np.uint64(31)
    return (((z >> np.uint64(32)) * counts.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)
