"""Stationary kernels as functions of the squared scaled distance. numpy only.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROOT5 = float(np.sqrt(5.0))


def matern52(squares: NDArray[Any]) -> NDArray[Any]:
    """Matern 5/2 at squared distances: (1 + r + r^2 / 3) exp(-r) with r = sqrt(5) d."""
    r = np.sqrt(squares)
    r *= _ROOT5
    decay = np.exp(-r)
    polynomial = r / 3.0
    polynomial += 1.0
    polynomial *= r
    polynomial += 1.0
    return np.asarray(np.multiply(polynomial, decay, out=polynomial))


def _matern52_with_slope(squares: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    r = _ROOT5 * np.sqrt(squares)
    decay = np.exp(-r)
    return (1.0 + r + r * r / 3.0) * decay, (5.0 / 6.0) * (1.0 + r) * decay


def rbf(squares: NDArray[Any]) -> NDArray[Any]:
    """The squared exponential: exp(-d^2 / 2)."""
    return np.asarray(np.exp(-0.5 * squares))


def _rbf_with_slope(squares: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    value = rbf(squares)
    return value, 0.5 * value


def cosine(squares: NDArray[Any]) -> NDArray[Any]:
    """1 - d^2 / 2: the inner product of two rows of unit length (at a length-scale of one)."""
    return np.asarray(1.0 - 0.5 * squares)


def _cosine_with_slope(squares: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return cosine(squares), np.full_like(squares, 0.5)


@dataclass(frozen=True)
class Kernel:
    """A kernel of unit variance.

    Attributes:
        name: of the kernel.
        value: squared distances -> covariances.
        with_slope: squared distances -> covariances, and minus their derivatives by the squared distance.
    """

    name: str
    value: Callable[[NDArray[Any]], NDArray[Any]]
    with_slope: Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]


MATERN52 = Kernel("matern52", matern52, _matern52_with_slope)
RBF = Kernel("rbf", rbf, _rbf_with_slope)
COSINE = Kernel("cosine", cosine, _cosine_with_slope)

KERNELS = {kernel.name: kernel for kernel in (MATERN52, RBF, COSINE)}
