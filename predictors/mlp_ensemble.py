"""An ensemble of small multi-layer perceptrons, trained together as one stack of matrices. numpy only.

Member m's weights are slice m of each array, so that one batched product trains all members at once:
networks of 20 units are far too small for a deep-learning library to pay off.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


@dataclass
class MLPEnsemble:
    """Networks that differ in initial weights and in the order of their batches.

    Trained by Adam. Inputs are standardised with the training set's moments; targets are taken as they
    come and should have a scale of about one.

    Source: the meta neural network of White, Neiswanger and Savani, BANANAS, AAAI 2021; Kingma and Ba,
    Adam, ICLR 2015; He et al., Delving Deep into Rectifiers, ICCV 2015 (initial weights); Loshchilov and
    Hutter, Decoupled Weight Decay Regularization, ICLR 2019.

    Args:
        members: networks in the ensemble.
        layers: hidden layers of each.
        width: units of each hidden layer.
        steps: Adam steps of a fit, whatever the number of observations.
        batch: observations a step.
        learning_rate: of Adam at first; it falls linearly to zero.
        weight_decay: share of the weights, not of the biases, that a step takes away, a unit of learning rate.
        activation: of the hidden units.
        loss: the mean of the `absolute` or of the `squared` errors.
    """

    members: int = 5
    layers: int = 3
    width: int = 20
    steps: int = 200
    batch: int = 32
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    activation: Literal["relu", "tanh"] = "relu"
    loss: Literal["absolute", "squared"] = "absolute"

    def fit(self, x: Floats, y: Floats, rng: np.random.Generator, rows: NDArray[np.int64] | None = None) -> None:
        """Train all members from new initial weights.

        Args:
            x: `(n, d)` features.
            y: `(n,)` targets.
            rng: draws initial weights and batches.
            rows: `(members, k)` the rows that each member learns from; all by default.
        """
        self._centre = x.mean(axis=0)
        self._spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
        inputs = self._standardise(x)
        self._initialise(inputs.shape[1], float(y.mean()), rng)
        moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self._parameters]
        own = np.broadcast_to(np.arange(len(y)), (self.members, len(y))) if rows is None else rows
        size, rows = min(self.batch, own.shape[1]), np.empty((self.members, 0), dtype=np.int64)
        for step in range(1, self.steps + 1):
            if rows.shape[1] < size:
                rows = np.concatenate([rows, rng.permuted(own, axis=1)], axis=1)
            chosen, rows = rows[:, :size], rows[:, size:]
            rate = self.learning_rate * (1.0 - (step - 1) / self.steps)
            if self.weight_decay:
                for weights in self._parameters[::2]:
                    weights *= 1.0 - rate * self.weight_decay
            rate *= np.sqrt(1.0 - _BETA2**step) / (1.0 - _BETA1**step)
            gradients = self._gradients(inputs[chosen], y[chosen])
            for parameter, gradient, (first, second) in zip(self._parameters, gradients, moments, strict=True):
                first += (1.0 - _BETA1) * (gradient - first)
                second += (1.0 - _BETA2) * (gradient * gradient - second)
                parameter -= rate * first / (np.sqrt(second) + _EPSILON)

    def predict(self, x: Floats) -> Floats:
        """Each member's prediction, `(members, n)`, for `(n, d)` features."""
        return np.asarray(self._forward(self._standardise(x)[None])[-1][:, :, 0])

    def hidden(self, x: Floats) -> Floats:
        """What the last hidden layer of each member gives, `(members, n, width)`, for `(n, d)` features."""
        return self._forward(self._standardise(x)[None])[-2]

    def _standardise(self, x: Floats) -> Floats:
        return np.asarray((x - self._centre) / self._spread)

    def _initialise(self, inputs: int, output_bias: float, rng: np.random.Generator) -> None:
        sizes = [inputs] + [self.width] * self.layers + [1]
        self._parameters: list[Floats] = []
        for fan_in, fan_out in pairwise(sizes):
            gain = 2.0 if self.activation == "relu" else 1.0
            weights = rng.normal(0.0, np.sqrt(gain / fan_in), size=(self.members, fan_in, fan_out))
            self._parameters += [weights, np.zeros((self.members, 1, fan_out))]
        self._parameters[-2] *= 0.1
        self._parameters[-1] += output_bias

    def _forward(self, x: Floats) -> list[Floats]:
        """The input and each layer's output, `(members, n, units)`; the last is the prediction."""
        outputs = [x]
        for layer in range(0, len(self._parameters), 2):
            value = outputs[-1] @ self._parameters[layer] + self._parameters[layer + 1]
            last = layer + 2 == len(self._parameters)
            outputs.append(value if last else self._activate(value))
        return outputs

    def _activate(self, value: Floats) -> Floats:
        """The hidden units, in the memory of their inputs."""
        return np.maximum(value, 0.0, out=value) if self.activation == "relu" else np.tanh(value, out=value)

    def _slope(self, units: Floats) -> Floats:
        """Derivative of hidden units with respect to their inputs, from what they give."""
        return np.asarray(units > 0 if self.activation == "relu" else 1.0 - units * units)

    def _gradients(self, x: Floats, y: Floats) -> list[Floats]:
        """Of the loss, in the order of the parameters; x `(members, b, d)`, y `(members, b)`."""
        outputs = self._forward(x)
        excess = outputs[-1] - y[:, :, None]
        error = (np.sign(excess) if self.loss == "absolute" else 2.0 * excess) / y.shape[1]
        gradients: list[Floats] = []
        for layer in range(len(self._parameters) - 2, -1, -2):
            below = outputs[layer // 2]
            gradients += [error.sum(axis=1, keepdims=True), below.swapaxes(1, 2) @ error]
            if layer:
                error = (error @ self._parameters[layer].swapaxes(1, 2)) * self._slope(below)
        return gradients[::-1]
