"""A recurrent controller: an LSTM that writes a genotype choice by choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nasbench.space import Genotypes, SearchSpace
from nasbench.strategies.reinforcement.prefixes import Mask, Spelling


class Draws(NamedTuple):
    """Genotypes that a controller wrote.

    Attributes:
        genotypes: `(n, G)`.
        allowed: which choices were open at each position, `(n, G, C)`; C is the most of a position.
        log_probability: of each choice given those before it, `(n, G)`.
    """

    genotypes: Genotypes
    allowed: Mask
    log_probability: NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """Size of a controller.

    Args:
        units: of each LSTM layer, and of the embedding of a choice.
        layers: LSTM layers.
        scale: weights begin uniform between minus and plus this.
    """

    units: int
    layers: int
    scale: float


class Controller(nn.Module):
    """An autoregressive policy over the genotypes of a space.

    At each position the embedding of the choice before it (a vector of its own for every choice of
    every position) enters the LSTM, whose output goes through the position's own linear layer into a
    softmax over the choices that are allowed.

    Args:
        space: what the genotypes are of.
        shape: size of the network.
        seed: of the initial weights.
    """

    def __init__(self, space: SearchSpace, shape: Shape, seed: int) -> None:
        super().__init__()
        choices = torch.tensor(space.cardinalities)
        length, width, units = space.length, int(choices.max()), shape.units
        self.embedding = nn.Parameter(torch.empty(1 + int(choices.sum()), units))
        # made without memory: the initialisation of torch would draw from its global generator
        self.lstm = nn.LSTM(units, units, shape.layers, batch_first=True, device="meta").to_empty(device="cpu")
        self.weight = nn.Parameter(torch.empty(length, units, width))
        self.bias = nn.Parameter(torch.empty(length, width))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-shape.scale, shape.scale, generator=generator)
        self._space = space
        self._offset = 1 + torch.cumsum(choices, 0) - choices  # token 0 is the start

    def forward(self, genotypes: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """How likely genotypes are.

        Args:
            genotypes: `(n, G)` integers.
            allowed: `(n, G, C)` bools.

        Returns:
            Log-probability of each choice given those before it, and entropy of the distribution that it
            was drawn from, both `(n, G)`.
        """
        tokens = nn.functional.pad(genotypes + self._offset, (1, 0))[:, :-1]
        outputs, _ = self.lstm(self.embedding[tokens])
        logits = torch.einsum("ngu,guc->ngc", outputs, self.weight) + self.bias
        log_policy = torch.log_softmax(logits.masked_fill(~allowed, -torch.inf), dim=2)
        entropy = -(log_policy.exp() * log_policy.masked_fill(~allowed, 0.0)).sum(dim=2)
        return log_policy.gather(2, genotypes[:, :, None])[:, :, 0], entropy

    @torch.no_grad()
    def draw(self, n: int, rng: np.random.Generator) -> Draws:
        """Draw genotypes from the policy; invalid ones only where `Spelling` cannot rule them out."""
        space, spelling = self._space, Spelling(self._space, n)
        noise = rng.gumbel(size=(space.length, n, self.weight.shape[2])).astype(np.float32)
        tokens, state, rows = torch.zeros(n, dtype=torch.int64), None, np.arange(n)
        columns, masks, chances = [], [], []
        for position in range(space.length):
            output, state = self.lstm(self.embedding[tokens][:, None], state)
            logits = (output[:, 0] @ self.weight[position] + self.bias[position]).numpy()
            allowed = spelling.allowed()
            logits = np.where(allowed, logits, -np.inf)
            logits -= logits.max(axis=1, keepdims=True)
            # the largest of logits with Gumbel noise is a draw from their softmax
            chosen = (logits + noise[position]).argmax(axis=1)
            spelling.write(chosen)
            tokens = torch.from_numpy(chosen) + self._offset[position]
            columns.append(chosen)
            masks.append(allowed)
            chances.append(logits[rows, chosen] - np.log(np.exp(logits).sum(axis=1)))
        return Draws(np.stack(columns, axis=1), np.stack(masks, axis=1), np.stack(chances, axis=1))
