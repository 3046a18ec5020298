"""A variational autoencoder of graphs: what it takes to draw a cell again, without any label."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from nasbench.spaces.graph_view import PADDING, CellGraphs

_BATCH = 64
"""Graphs a step."""

_BLOCK = 4096
"""Graphs embedded at a time, which bounds the memory."""

_LEARNING_RATE = 0.005
"""The largest of the cycle."""

_DIVERGENCE = 0.005
"""Weight of the Kullback-Leibler term, which keeps the latent space from falling apart."""


class _Update(nn.Module):
    """The perceptron of a round of message passing."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.parts = nn.Sequential(
            nn.Linear(inputs, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.own = nn.Parameter(torch.zeros(()))

    def forward(self, states: Tensor, edges: Tensor, live: Tensor) -> Tensor:
        """The next states `(n, V, width)`; those of padding are zero."""
        seen = (1.0 + self.own) * states + edges @ states
        updated: Tensor = self.parts(seen[live])
        following = updated.new_zeros(*live.shape, updated.shape[1])
        following[live] = updated
        return following


class GraphAutoencoder(nn.Module):
    """A graph isomorphism network gives each vertex a normal distribution; from draws, labels and edges are decoded.

    The network takes the edges as undirected, as the decoder must: an edge's probability is a function of the
    inner product of its vertices' latent vectors.

    Args:
        labels: of vertices, padding included.
        width: of the states.
        latent: size of the latent vectors.
        layers: rounds of message passing.
    """

    def __init__(self, labels: int, width: int, latent: int, layers: int) -> None:
        super().__init__()
        self.labels = labels
        self.updates = nn.ModuleList(_Update(width if layer else labels, width) for layer in range(layers))
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)
        self.label = nn.Linear(latent, labels)

    def encode(self, labels: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-variances of the latent vectors, `(n, V, latent)` each.

        Args:
            labels: `(n, V)` int64.
            adjacency: `(n, V, V)` multiplicities of directed edges.
        """
        states = one_hot(labels, self.labels).to(self.mean.weight.dtype)
        edges = adjacency + adjacency.transpose(1, 2)
        for update in self.updates:
            states = update(states, edges, labels != PADDING)
        return self.mean(states), self.log_variance(states)

    def loss(self, labels: Tensor, adjacency: Tensor) -> Tensor:
        """Negative evidence lower bound: mean over the vertices, and over the pairs of them, that are no padding."""
        live = labels != PADDING
        pairs = (live[:, :, None] & live[:, None, :]).triu(diagonal=1)
        mean, log_variance = self.encode(labels, adjacency)
        drawn = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        vertices = cross_entropy(self.label(drawn[live]), labels[live])
        logits = drawn @ drawn.transpose(1, 2)
        edges = binary_cross_entropy_with_logits(logits[pairs], (adjacency > 0).to(logits.dtype)[pairs])
        mean, log_variance = mean[live], log_variance[live]
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(dim=1).mean()
        return vertices + edges + _DIVERGENCE * divergence

    def embed(self, graphs: CellGraphs) -> NDArray[np.float64]:
        """The mean over the vertices of each graph of their latent means, `(n, latent)`."""
        blocks = []
        with torch.no_grad():
            for begin in range(0, len(graphs.labels), _BLOCK):
                labels, adjacency = tensors(graphs, slice(begin, begin + _BLOCK), self.mean.weight.dtype)
                mean, _ = self.encode(labels, adjacency)
                live = (labels != PADDING)[:, :, None]
                blocks.append(((mean * live).sum(dim=1) / live.sum(dim=1)).numpy())
        return np.concatenate(blocks).astype(np.float64)


def tensors(graphs: CellGraphs, rows: slice, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Labels `(n, V)` and adjacency matrices `(n, V, V)` of some graphs."""
    labels = torch.from_numpy(graphs.labels[rows].astype(np.int64))
    return labels, torch.from_numpy(graphs.adjacency[rows].astype(np.float32)).to(dtype)


def pretrain(graphs: CellGraphs, width: int, latent: int, layers: int, epochs: int, seed: int) -> GraphAutoencoder:
    """An autoencoder of these graphs, by Adam with one cycle of the learning rate; in evaluation mode and float64.

    Args:
        graphs: at least two.
        width: see `GraphAutoencoder`.
        latent: see there.
        layers: see there.
        epochs: passes over the graphs.
        seed: of the initial weights, the batches and the draws; torch's own generator is left alone.
    """
    labels, adjacency = tensors(graphs, slice(None))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GraphAutoencoder(len(graphs.label_names), width, latent, layers)
        # batches of equal size: one of a single graph has no variance to normalise by
        batches = max(1, len(labels) // _BATCH)
        optimiser = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=max(2, epochs * batches))
        for _ in range(epochs):
            for rows in torch.randperm(len(labels)).tensor_split(batches):
                optimiser.zero_grad()
                model.loss(labels[rows], adjacency[rows]).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                cycle.step()
    # in double precision the size of a batch leaves no trace in an embedding
    return model.double().eval()
