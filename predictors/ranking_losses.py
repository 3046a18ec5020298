"""Losses of an ensemble of rankers on one batch: squared error, pairwise and listwise.

Each takes predictions `(members, n)`, targets `(n,)` and the weights `(members, n)` of the rows, of which
those that a member must not see are 0, and gives the sum of the members' losses.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

MARGIN = 0.1
"""Of the hinge, in standard deviations of the targets (Ning et al., ECCV 2020)."""


def squared(predicted: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error."""
    return ((predicted - y) ** 2 * weight).sum(dim=1).div(weight.sum(dim=1)).sum()


def hinge(predicted: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Mean over the pairs of max(0, margin - difference in the right direction).

    Source: Ning et al., A Generic Graph-Based Neural Architecture Encoding Scheme, ECCV 2020.
    """
    return _pairwise(predicted, y, weight, lambda ahead: torch.relu(MARGIN - ahead))


def bpr(predicted: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Mean over the pairs of log(1 + exp(-difference in the right direction)).

    Source: Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009; Burges et
    al., Learning to Rank Using Gradient Descent, ICML 2005 (RankNet).
    """
    return _pairwise(predicted, y, weight, lambda ahead: softplus(-ahead))


def _pairwise(predicted: Tensor, y: Tensor, weight: Tensor, cost: Callable[[Tensor], Tensor]) -> Tensor:
    better, worse = torch.nonzero(y[:, None] > y[None, :], as_tuple=True)
    weights = weight[:, better] * weight[:, worse]
    costs = cost(predicted[:, better] - predicted[:, worse]) * weights
    return (costs.sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)).sum()


def listmle(predicted: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Negative log-likelihood of the targets' order under the Plackett-Luce model, a row.

    Source: Xia et al., Listwise Approach to Learning to Rank, ICML 2008.
    """
    order = torch.argsort(y, descending=True, stable=True)
    scores, weights = predicted[:, order], weight[:, order]
    present = torch.where(weights > 0, scores, torch.full_like(scores, -torch.inf))
    remaining = torch.logcumsumexp(present.flip(1), dim=1).flip(1)
    gaps = torch.where(weights > 0, remaining - scores, torch.zeros_like(scores))
    return (gaps.sum(dim=1) / weights.sum(dim=1)).sum()


LOSSES: dict[str, Loss] = {"mse": squared, "hinge": hinge, "bpr": bpr, "listmle": listmle}
"""Name -> loss."""
