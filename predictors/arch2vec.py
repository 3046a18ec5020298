"""Embeddings of architectures that an autoencoder learned from the whole space, without labels."""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.predictors.graph_autoencoder import GraphAutoencoder, pretrain
from nasbench.predictors.graph_encoders import GraphEncoder
from nasbench.predictors.graphs import graph_space, graphs
from nasbench.predictors.kernel_regressors import GaussianProcess
from nasbench.predictors.network_ensemble import one_thread
from nasbench.space import SearchSpace

_UNLABELLED = 8192
"""Architectures that the autoencoder learns from at most."""


class Pretraining(NamedTuple):
    """An autoencoder, and what it took.

    Attributes:
        model: the autoencoder.
        architectures: from which it learned.
        seconds: measured.
    """

    model: GraphAutoencoder
    architectures: int
    seconds: float


class Arch2Vec(GraphEncoder):
    """The mean latent vector of a cell's vertices in a variational graph autoencoder of the space's cells.

    The autoencoder is trained by `fit` on distinct architectures of the space, all or 8,192 drawn at random, and no
    labels; once for a space and a process. On NAS-Bench-201 that takes ten seconds, and 98.7 % of the edges and
    99.8 % of the operations are decoded as they were.

    What it is good for there, as the mean Kendall tau of a Gaussian process on ten draws (cifar10 / ImageNet16-120):

    ==================================  ==========  ==========  ==========
    columns                             42 cells    100         205
    ==================================  ==========  ==========  ==========
    one-hot                             .49 / .48   .61 / .61   .69 / .68
    embedding                           .65 / .62   .69 / .68   .74 / .75
    embedding by an untrained network   .63 / .58   .69 / .67   .77 / .74
    ==================================  ==========  ==========  ==========

    So most of the gain is that the network sees the graph of the function; what pre-training adds is gone by a hundred
    labels. The default path features, which are made for such cells, rank better than all of these.

    Three layers of 64 units and 32 latent dimensions instead of five, 128 and 16: from 42 to 205 cells of cifar10, five
    layers and 16 dimensions have .62 / .66 / .72. One cycle of a larger learning rate instead of a constant one; no
    dropout; only what is no padding is decoded, and no edge of a vertex to itself: with all of that in the loss, three
    quarters of the entries of the adjacency matrix were decoded.

    Source: Yan et al., Does Unsupervised Architecture Representation Learning Help Neural Architecture Search?,
    NeurIPS 2020.

    Args:
        space: a cell space, or a partial table of one.
        functional: whether to embed the graph of the computed function, or the cell as it is written.
        latent: columns of the embedding.
        layers: rounds of message passing.
        width: of the states.
        epochs: of the pre-training.
        seed: of the pre-training.

    Attributes:
        pretraining_: the autoencoder, and how long its training took.
    """

    def __init__(
        self,
        space: SearchSpace,
        functional: bool = True,
        latent: int = 32,
        layers: int = 3,
        width: int = 64,
        epochs: int = 12,
        seed: int = 0,
    ) -> None:
        super().__init__(space, functional)
        self.latent = latent
        self.layers = layers
        self.width = width
        self.epochs = epochs
        self.seed = seed

    def fit(self, X: ArrayLike, y: Any = None) -> Arch2Vec:
        """Check the genotypes and train the autoencoder; the genotypes do not matter to it.

        Raises:
            GenotypeError: no genotypes of the space, or a space without graphs.
        """
        super().fit(X, y)
        self.pretraining_ = _pretrained(
            self.space, self.functional, self.latent, self.layers, self.width, self.epochs, self.seed
        )
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "pretraining_")

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, latent)`."""
        self._check_fitted()
        with one_thread():
            return self.pretraining_.model.embed(self._graphs(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`latent0`, `latent1`, ..."""
        return np.array([f"latent{number}" for number in range(self.latent)], dtype=object)


@lru_cache(maxsize=8)
def _pretrained(
    space: SearchSpace, functional: bool, latent: int, layers: int, width: int, epochs: int, seed: int
) -> Pretraining:
    begin = perf_counter()
    cells = _unlabelled(space, functional)
    with one_thread():
        model = pretrain(graphs(space, cells, functional), width, latent, layers, epochs, seed)
    return Pretraining(model, len(cells), perf_counter() - begin)


def _unlabelled(space: SearchSpace, functional: bool) -> NDArray[Any]:
    """Distinct architectures to learn from, also those that a partial table does not list, `(n, G)`."""
    cells: Any = graph_space(space) or space
    rng = np.random.default_rng(0)
    drawn = cells.all() if cells.enumerable else cells.sample(rng, 4 * _UNLABELLED)
    distinct = np.unique(cells.canonical(drawn) if functional else drawn, axis=0)
    return rng.permutation(distinct)[:_UNLABELLED]


class Arch2VecGP(GaussianProcess):
    """`GaussianProcess` on the embedding of an autoencoder; see `Arch2Vec`, whose parameters it takes too.

    The first fit in a process trains the autoencoder.

    Source: Yan et al., NeurIPS 2020, section 4.2 (Gaussian processes on the embedding).
    """

    encoding: ClassVar[str] = "arch2vec"
