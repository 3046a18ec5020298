"""What ensembles of networks are made of, all members at once: every weight has a leading axis of members."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Batch = TypeVar("Batch")
"""Architectures as a network reads them."""


def initial(generator: torch.Generator, members: int, inputs: int, outputs: int, gain: float = 2.0) -> nn.Parameter:
    """Normal weights `(members, inputs, outputs)` of variance gain / inputs (He et al., ICCV 2015)."""
    drawn = torch.randn(members, inputs, outputs, generator=generator)
    return nn.Parameter(drawn * math.sqrt(gain / inputs))


class Affine(nn.Module):
    """An affine map a member: `(members, rows, inputs)` to `(members, rows, outputs)`."""

    def __init__(self, generator: torch.Generator, members: int, inputs: int, outputs: int, gain: float = 2.0) -> None:
        super().__init__()
        self.weight = initial(generator, members, inputs, outputs, gain)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """The affine map of each member."""
        return torch.baddbmm(self.bias, x, self.weight)


class Scorers(nn.Module, Generic[Batch]):
    """Base of the ensembles that give one number an architecture: a summary of it, then a small perceptron.

    What the perceptron reads is standardised by the training batch's statistics: `learn_scale` keeps
    those of a batch for later calls in evaluation mode.
    """

    centre: Tensor
    scale: Tensor

    def _add_head(self, generator: torch.Generator, members: int, inputs: int, hidden: int) -> None:
        self.first = Affine(generator, members, inputs, hidden)
        self.second = Affine(generator, members, hidden, hidden)
        self.last = Affine(generator, members, hidden, 1, gain=0.1)
        self.register_buffer("centre", torch.zeros(members, 1, inputs))
        self.register_buffer("scale", torch.ones(members, 1, inputs))

    @abstractmethod
    def summary(self, batch: Batch) -> Tensor:
        """What the perceptron reads of each architecture, `(members, n, inputs)`."""

    def learn_scale(self, batch: Batch) -> None:
        """Standardise by this batch from now on."""
        with torch.no_grad():
            self.centre, self.scale = _moments(self.summary(batch))

    def forward(self, batch: Batch) -> Tensor:
        """A number for each architecture, `(members, n)`."""
        summary = self.summary(batch)
        centre, scale = _moments(summary) if self.training else (self.centre, self.scale)
        hidden = torch.relu(self.first((summary - centre) / scale))
        value: Tensor = self.last(torch.relu(self.second(hidden)))
        return value[:, :, 0]


def _moments(summary: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the architectures; the latter is never zero."""
    return summary.mean(dim=1, keepdim=True), summary.std(dim=1, keepdim=True, correction=0) + 1e-3
