"""Ensembles of small graph networks, all members at once: every weight has a leading axis of members.

A layer passes messages along the edges and against them. What differs is how they are combined; `LAYERS`
has the kinds. The state of the output vertex and the sum over all vertices go through a small perceptron.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nasbench.predictors.graph_batch import GraphBatch
from nasbench.predictors.network_layers import Affine, Scorers, initial


def received(states: Tensor, source: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The weighted sum of what each vertex receives: `(members, vertices, width)`, as the states."""
    messages = states.index_select(1, source) * weight[:, None]
    return torch.zeros_like(states).index_add(1, target, messages)


def mean_weights(batch: GraphBatch, at: Tensor) -> Tensor:
    """Multiplicities divided by the sum of those that meet at the vertices `at`, `(edges,)`."""
    total = torch.zeros(len(batch.labels)).index_add(0, at, batch.multiplicity)
    return batch.multiplicity / total[at]


class GCNLayer(nn.Module):
    """Means over the predecessors and over the successors, each with weights of its own.

    Source: Wen et al., Neural Predictor for Neural Architecture Search, ECCV 2020.
    """

    def __init__(self, generator: torch.Generator, members: int, width: int, labels: int) -> None:
        super().__init__()
        self.mix = Affine(generator, members, 3 * width, width)

    def forward(self, states: Tensor, batch: GraphBatch) -> Tensor:
        """The next states `(members, vertices, width)`."""
        before = received(states, batch.source, batch.target, mean_weights(batch, batch.target))
        after = received(states, batch.target, batch.source, mean_weights(batch, batch.source))
        mixed: Tensor = self.mix(torch.cat([states, before, after], dim=2))
        return torch.relu(mixed)


class GINLayer(nn.Module):
    """Sums over the predecessors and over the successors through a perceptron, added to the state.

    Source: Xu et al., How Powerful are Graph Neural Networks?, ICLR 2019, for directed graphs.
    """

    def __init__(self, generator: torch.Generator, members: int, width: int, labels: int) -> None:
        super().__init__()
        self.mix = Affine(generator, members, 3 * width, width)
        self.out = Affine(generator, members, width, width, gain=1.0)

    def forward(self, states: Tensor, batch: GraphBatch) -> Tensor:
        """The next states `(members, vertices, width)`."""
        before = received(states, batch.source, batch.target, batch.multiplicity)
        after = received(states, batch.target, batch.source, batch.multiplicity)
        change: Tensor = self.out(torch.relu(self.mix(torch.cat([states, before, after], dim=2))))
        return states + change


class GatesLayer(nn.Module):
    """What arrives from either side passes a soft gate that belongs to the vertex's operation.

    Source: Ning et al., A Generic Graph-Based Neural Architecture Encoding Scheme for Predictor-Based NAS,
    ECCV 2020 (operations as gates of the information that flows through them); the residual term is that
    of the dense graph flow of Akhauri and Abdelfattah, Encodings for Prediction-Based NAS, ICML 2024.
    """

    def __init__(self, generator: torch.Generator, members: int, width: int, labels: int) -> None:
        super().__init__()
        self.before = initial(generator, members, width, width)
        self.after = initial(generator, members, width, width)
        self.keep = Affine(generator, members, width, width, gain=1.0)
        self.gate = nn.Parameter(torch.randn(members, labels, 2 * width, generator=generator))

    def forward(self, states: Tensor, batch: GraphBatch) -> Tensor:
        """The next states `(members, vertices, width)`."""
        before = received(states, batch.source, batch.target, batch.multiplicity) @ self.before
        after = received(states, batch.target, batch.source, batch.multiplicity) @ self.after
        gate = torch.sigmoid(self.gate).index_select(1, batch.labels)
        flow = gate * torch.cat([before, after], dim=2)
        return torch.relu(self.keep(states) + flow[..., : before.shape[2]] + flow[..., before.shape[2] :])


LAYERS: dict[str, Callable[[torch.Generator, int, int, int], nn.Module]] = {
    "gcn": GCNLayer,
    "gin": GINLayer,
    "gates": GatesLayer,
}
"""kind -> layer class."""


class GraphNetworks(Scorers[GraphBatch]):
    """An ensemble of graph networks that give one number a graph.

    Args:
        kind: of the layers, a key of `LAYERS`.
        members: networks.
        labels: vertex labels, padding included.
        width: of the vertices' states.
        layers: rounds of message passing.
        hidden: units of both hidden layers of the perceptron.
        seed: of the initial weights.
    """

    def __init__(self, kind: str, members: int, labels: int, width: int, layers: int, hidden: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.embedding = nn.Parameter(torch.randn(members, labels, width, generator=generator))
        self.layers = nn.ModuleList(LAYERS[kind](generator, members, width, labels) for _ in range(layers))
        self._add_head(generator, members, 2 * width, hidden)

    def summary(self, batch: GraphBatch) -> Tensor:
        """The sum of all vertices' states beside that of the output, `(members, n, 2 width)`."""
        states = self.embedding.index_select(1, batch.labels)
        for layer in self.layers:
            states = layer(states, batch)
        members, _, width = states.shape
        total = states.new_zeros(members, batch.size, width).index_add(1, batch.graph, states)
        return torch.cat([total, states.index_select(1, batch.outputs)], dim=2)
