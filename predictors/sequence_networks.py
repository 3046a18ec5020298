"""Ensembles of small sequence models, all members at once: a long short-term memory and a transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from nasbench.predictors.network_layers import Affine, Scorers

HEADS = 2
"""Attention heads of a layer."""


class SequenceNetworks(Scorers[Tensor]):
    """Base of the sequence models, which give one number a sentence of words `(n, G)`.

    Args:
        members: networks.
        words: size of the vocabulary; the last word stands for all that training did not have, and is zero.
        length: words of a sentence, G.
        width: of the states.
        layers: of the encoder.
        hidden: units of both hidden layers of the perceptron.
        seed: of the initial weights.
    """

    def __init__(self, members: int, words: int, length: int, width: int, layers: int, hidden: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        embedding = torch.randn(members, words, width, generator=generator)
        embedding[:, -1] = 0.0
        self.embedding = nn.Parameter(embedding)
        self._add_encoder(generator, members, length, width, layers)
        self._add_head(generator, members, width, hidden)

    def _add_encoder(self, generator: torch.Generator, members: int, length: int, width: int, layers: int) -> None:
        raise NotImplementedError

    def _embedded(self, words: Tensor) -> Tensor:
        """States of the words, `(members, n, G, width)`."""
        members, _, width = self.embedding.shape
        return self.embedding.index_select(1, words.reshape(-1)).view(members, *words.shape, width)


class LSTMNetworks(SequenceNetworks):
    """Long short-term memories; the mean of the last layer's outputs is the summary.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; Gers, Schmidhuber and Cummins, Learning to
    Forget, 2000 (forget gates, here with an initial bias of one).
    """

    def _add_encoder(self, generator: torch.Generator, members: int, length: int, width: int, layers: int) -> None:
        self.cells = nn.ModuleList(Affine(generator, members, 2 * width, 4 * width, gain=1.0) for _ in range(layers))

    def summary(self, batch: Tensor) -> Tensor:
        """`(members, n, width)`."""
        states = list(self._embedded(batch).unbind(dim=2))
        for cell in self.cells:
            output = memory = torch.zeros_like(states[0])
            for position, state in enumerate(states):
                take, keep, show, new = cell(torch.cat([state, output], dim=2)).chunk(4, dim=2)
                memory = torch.sigmoid(keep + 1.0) * memory + torch.sigmoid(take) * torch.tanh(new)
                output = torch.sigmoid(show) * torch.tanh(memory)
                states[position] = output
        return torch.stack(states).mean(dim=0)


class AttentionBlock(nn.Module):
    """Self-attention and a perceptron, each added to the normalised states that it reads.

    Source: Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020 (normalised before).
    """

    def __init__(self, generator: torch.Generator, members: int, width: int) -> None:
        super().__init__()
        self.attend = Affine(generator, members, width, 3 * width, gain=1.0)
        self.merge = Affine(generator, members, width, width, gain=0.25)
        self.up = Affine(generator, members, width, 2 * width)
        self.down = Affine(generator, members, 2 * width, width, gain=0.25)

    def forward(self, states: Tensor, length: int) -> Tensor:
        """The next states `(members, n G, width)` of sentences of `length` words."""
        members, rows, width = states.shape
        parts = self.attend(normalised(states)).view(-1, length, 3, HEADS, width // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(query, key, value).transpose(1, 2)
        states = states + self.merge(seen.reshape(members, rows, width))
        added: Tensor = self.down(torch.relu(self.up(normalised(states))))
        return states + added


class TransformerNetworks(SequenceNetworks):
    """Transformer encoders with learned positions; the mean of the normalised states is the summary.

    Source: Vaswani et al., Attention Is All You Need, NIPS 2017.
    """

    def _add_encoder(self, generator: torch.Generator, members: int, length: int, width: int, layers: int) -> None:
        if width % HEADS:
            raise ValueError(f"states of width {width} cannot be shared by {HEADS} attention heads")
        self.positions = nn.Parameter(torch.randn(members, 1, length, width, generator=generator))
        self.blocks = nn.ModuleList(AttentionBlock(generator, members, width) for _ in range(layers))

    def summary(self, batch: Tensor) -> Tensor:
        """`(members, n, width)`."""
        embedded = self._embedded(batch) + self.positions
        members, _, length, width = embedded.shape
        states = embedded.reshape(members, -1, width)
        for block in self.blocks:
            states = block(states, length)
        return normalised(states).view(members, -1, length, width).mean(dim=2)


def normalised(states: Tensor) -> Tensor:
    """Each state with mean zero and variance one (Ba, Kiros and Hinton, Layer Normalization, 2016)."""
    return layer_norm(states, states.shape[-1:])
