"""Ensembles of networks that rank, as scikit-learn estimators: what does not depend on the networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y
from torch import Tensor

from nasbench.predictors.cross_fit import SMALLEST_DEVIATION, Floats, Prediction, deal, distinct_rows
from nasbench.predictors.network_layers import Batch, Scorers
from nasbench.predictors.ranking_losses import LOSSES

_BLOCK = 2048
"""Rows predicted at a time, which bounds the memory."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch on one thread inside, so that sums have one order and runs in parallel do not compete."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class NetworkEnsemble(RegressorMixin, BaseEstimator, Generic[Batch]):  # type: ignore[misc]
    """Base of the ensembles; a subclass makes batches and networks of them.

    The members start from different weights and each leaves out one fold of the rows, see
    `nasbench.predictors.cross_fit`. They train on all rows at once, by AdamW with one cycle of the
    learning rate.

    Source: Smith and Topin, Super-Convergence, 2019 (the cycle); Loshchilov and Hutter, Decoupled Weight
    Decay Regularization, ICLR 2019.

    Args:
        members: networks, and folds.
        layers: of each network.
        width: of the states inside.
        hidden: units of the hidden layers of the perceptron that scores their summary.
        loss: `mse`, `hinge`, `bpr` or `listmle`. The predictions of the last three are scores; a line
            fitted to the training rows brings them to the targets' unit.
        steps: of AdamW.
        learning_rate: the largest of the cycle.
        weight_decay: of AdamW.
        random_state: seed of the weights and folds.
    """

    def __init__(
        self,
        members: int = 8,
        layers: int = 3,
        width: int = 32,
        hidden: int = 64,
        loss: str = "listmle",
        steps: int = 200,
        learning_rate: float = 0.01,
        weight_decay: float = 0.01,
        random_state: int = 0,
    ) -> None:
        self.members = members
        self.layers = layers
        self.width = width
        self.hidden = hidden
        self.loss = loss
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to encoded architectures `(n, d)` and targets `(n,)`, n at least 2.

        Raises:
            ValueError: no such loss, or columns that the networks cannot read.
        """
        if self.loss not in LOSSES:
            raise ValueError(f"no loss {self.loss!r}; there are {', '.join(LOSSES)}")
        encoded, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = encoded.shape[1]
        self.centre_, self.scale_ = float(targets.mean()), float(targets.std()) or 1.0
        fold = deal(len(targets), self.members, self.random_state)
        seen = torch.from_numpy(fold != np.arange(self.members)[:, None]).float()
        scaled = torch.from_numpy((targets - self.centre_) / self.scale_).float()
        self._learn_vocabulary(encoded)
        with one_thread():
            self.networks_ = self._trained(self._batch(encoded), scaled, seen)
            scores = self._scores(encoded)
        self.slopes_, self.offsets_ = _lines(scores, scaled.numpy(), seen.numpy())
        out = fold == np.arange(self.members)[:, None]
        errors = (self.slopes_ * scores + self.offsets_ - scaled.numpy())[out]
        self.error_variance_ = float(np.mean(errors**2))
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """Mean over the members `(n,)`, and the standard deviation of an observation if wanted."""
        check_is_fitted(self)
        rows, which = distinct_rows(check_array(X, dtype=np.float64))
        with one_thread():
            scores = self._scores(rows)
        predicted = self.slopes_ * scores + self.offsets_
        mean = self.centre_ + self.scale_ * predicted.mean(axis=0)[which]
        if not return_std:
            return np.asarray(mean)
        deviation = self.scale_ * np.sqrt(predicted.var(axis=0) + self.error_variance_)[which]
        return np.asarray(mean), np.maximum(deviation, SMALLEST_DEVIATION)

    @abstractmethod
    def _learn_vocabulary(self, encoded: Floats) -> None:
        """Remember what occurs in the training rows `(n, d)`."""

    @abstractmethod
    def _batch(self, encoded: Floats) -> Batch:
        """Encoded rows `(n, d)` for the networks; what training did not have is replaced."""

    @abstractmethod
    def _new_networks(self) -> Scorers[Batch]:
        """Untrained networks."""

    def _trained(self, batch: Batch, y: Tensor, seen: Tensor) -> Scorers[Batch]:
        networks = self._new_networks()
        loss = LOSSES[self.loss]
        optimiser = torch.optim.AdamW(networks.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.learning_rate, total_steps=self.steps)
        for _ in range(self.steps):
            optimiser.zero_grad()
            loss(networks(batch), y, seen).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            cycle.step()
        networks.learn_scale(batch)
        return networks.eval()

    def _scores(self, encoded: Floats) -> Floats:
        """What the networks say of encoded rows `(n, d)`: `(members, n)`."""
        with torch.no_grad():
            blocks = [
                self.networks_(self._batch(encoded[begin : begin + _BLOCK])).numpy()
                for begin in range(0, len(encoded), _BLOCK)
            ]
        return np.concatenate(blocks, axis=1).astype(np.float64)


def _lines(scores: Floats, y: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """Slope and offset `(members, 1)` of the rising least-squares line from scores to targets on the rows seen."""
    share = seen / seen.sum(axis=1, keepdims=True)
    centre, middle = (share * scores).sum(axis=1, keepdims=True), (share * y).sum(axis=1, keepdims=True)
    deviation = scores - centre
    variance = (share * deviation**2).sum(axis=1, keepdims=True)
    covariance = (share * deviation * (y - middle)).sum(axis=1, keepdims=True)
    slope = np.maximum(covariance, 0.0) / np.maximum(variance, 1e-12)
    return slope, middle - slope * centre
