"""Ensembles of sequence models as scikit-learn estimators on the encoding `tokens`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from nasbench.predictors.cross_fit import Floats
from nasbench.predictors.network_ensemble import NetworkEnsemble
from nasbench.predictors.sequence_networks import LSTMNetworks, SequenceNetworks, TransformerNetworks


class SequenceRegressor(NetworkEnsemble[Tensor]):
    """Base of the regressors by sequence models; a subclass names the networks.

    They read the genotype as a sentence, see `nasbench.predictors.token_encoder`, and know nothing of graphs.
    A choice that training did not have is an unknown word. `NetworkEnsemble` has the parameters.
    """

    networks: ClassVar[type[SequenceNetworks]]
    encoding: ClassVar[str] = "tokens"

    def __init__(
        self,
        members: int = 5,
        layers: int = 2,
        width: int = 32,
        hidden: int = 64,
        loss: str = "listmle",
        steps: int = 200,
        learning_rate: float = 0.01,
        weight_decay: float = 0.01,
        random_state: int = 0,
    ) -> None:
        super().__init__(members, layers, width, hidden, loss, steps, learning_rate, weight_decay, random_state)

    def _learn_vocabulary(self, encoded: Floats) -> None:
        self.words_ = np.unique(encoded)

    def _batch(self, encoded: Floats) -> Tensor:
        place = np.searchsorted(self.words_, encoded)
        known = self.words_[np.minimum(place, len(self.words_) - 1)] == encoded
        return torch.from_numpy(np.where(known, place, len(self.words_)))

    def _new_networks(self) -> SequenceNetworks:
        return self.networks(
            self.members,
            len(self.words_) + 1,
            self.n_features_in_,
            self.width,
            self.layers,
            self.hidden,
            self.random_state,
        )


class LSTM(SequenceRegressor):
    """Long short-term memories over the genotype: the encoder and the predictor of neural architecture optimisation.

    Without its decoder, which serves the search by gradients and not the prediction; ranked by a listwise loss
    instead of the squared error, and an ensemble, as all networks here; 32 units instead of 96.

    Source: Luo et al., Neural Architecture Optimization, NeurIPS 2018.
    """

    networks = LSTMNetworks


class Transformer(SequenceRegressor):
    """Transformer encoders over the genotype.

    Those of the papers read a list of vertices, whose edges come as eigenvectors of the Laplacian or as codes of
    the neighbours; here the order of the genotype says what is connected, so that any space will do, and the
    training loss is listwise. Without the papers' self-evolution and augmentation.

    Source: Lu et al., TNASP: A Transformer-Based NAS Predictor with a Self-Evolution Framework, NeurIPS 2021; Yi
    et al., NAR-Former: Neural Architecture Representation Learning Towards Holistic Attributes Prediction, CVPR 2023.
    """

    networks = TransformerNetworks
