"""An ensemble of gradient-boosted trees that is fitted by cross-validation and kept as plain data.

Each member leaves out another fold of the rows, so that every row has a prediction of a model that has
not seen it, and the members differ by what they were fitted to: the ensemble of NAS-Bench-301 (Zela et
al., Surrogate NAS Benchmarks, ICLR 2022). A member is a file of XGBoost's own JSON; no pickle is involved.

Source of the trees: Chen and Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import TableError, UnknownNameError
from nasbench.predictors.tree_model import read_trees, to_bytes, trees_of
from nasbench.predictors.tree_walk import TreeWalker, walker_of

Floats = NDArray[np.float64]

LEAST_ROWS = 50
"""Fewer rows with a value are no basis for a surrogate."""


WALK_AFTER = 64
"""Single predictions that are left to XGBoost before the trees are laid out for quicker ones."""


@dataclass(frozen=True)
class BoostingParams:
    """Hyper-parameters of the ensemble.

    Depth 4 with 600 slow rounds: on partial tables of 2,000 to 5,000 networks it has a fifth less error
    than depth 6 with 300 rounds, and depth 3 with 1,000 is no better.

    Args:
        members: models and folds.
        n_estimators: trees of each.
        max_depth: of a tree.
        learning_rate: shrinkage.
        subsample: share of the rows a tree sees.
        colsample_bytree: share of the columns a tree sees.
        min_child_weight: rows in a leaf at least.

    Raises:
        ValueError: a value out of range.
    """

    members: int = 10
    n_estimators: int = 600
    max_depth: int = 4
    learning_rate: float = 0.05
    subsample: float = 0.7
    colsample_bytree: float = 0.5
    min_child_weight: float = 3.0

    def __post_init__(self) -> None:
        for name, low, high in (("members", 2, 64), ("n_estimators", 1, 10_000), ("max_depth", 1, 16)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number from {low} to {high}, got {value!r}")
        for name in ("learning_rate", "subsample", "colsample_bytree"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
                raise ValueError(f"{name} must be a number above 0 and up to 1, got {value!r}")
        weight = self.min_child_weight
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise ValueError(f"min_child_weight must be a number of at least 0, got {weight!r}")

    @classmethod
    def of(cls, params: dict[str, Any]) -> BoostingParams:
        """The defaults with some values changed.

        Raises:
            UnknownNameError: no such hyper-parameter.
            ValueError: a value out of range.
        """
        known = asdict(cls())
        for name in params:
            if name not in known:
                raise UnknownNameError("parameter of the surrogate's xgboost:", name, known)
        return cls(**params)


class Members:
    """Members that predict.

    Args:
        boosters: XGBoost's boosters, one a member.
        columns: of the features that they were fitted to.
    """

    def __init__(self, boosters: Sequence[Any], columns: int) -> None:
        self._boosters = list(boosters)
        self._columns, self._single = columns, 0
        self._walker: TreeWalker | None = None

    @classmethod
    def read(cls, parts: Sequence[bytes], columns: int, source: str) -> Members:
        """Members from files: XGBoost is given what has been checked, in a frame of its own making.

        Args:
            parts: files of members; the caller has checked their checksums.
            columns: of the features that they must have been fitted to.
            source: what they are, for errors.

        Raises:
            TableError: bytes that are no such model, or one of other columns.
        """
        import xgboost

        boosters = []
        for part in parts:
            booster = xgboost.Booster({"nthread": 1})
            booster.load_model(bytearray(to_bytes(read_trees(part, columns, source), columns)))
            booster.set_param({"nthread": 1})
            boosters.append(booster)
        return cls(boosters, columns)

    def parts(self) -> tuple[bytes, ...]:
        """The members as files, which `read` reads back."""
        return tuple(to_bytes(trees_of(booster), self._columns) for booster in self._boosters)

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """Standardised predictions `(members, n)` of `(n, d)` features; each row's depend on it alone."""
        if len(features) == 1:
            self._single += 1
            if self._single == WALK_AFTER:
                self._walker = walker_of([*map(trees_of, self._boosters)], self._boosters, self._columns)
            if self._walker is not None:
                return self._walker.predict(features)
        return np.array([booster.inplace_predict(features) for booster in self._boosters], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class FittedMembers:
    """What `fit_members` gives.

    Attributes:
        members: ready to predict.
        out_of_fold: `(n,)` each row's prediction by the member that has not seen it.
    """

    members: Members
    out_of_fold: Floats


def fit_members(
    features: NDArray[np.float32],
    targets: Floats,
    params: BoostingParams,
    seed: int,
    progress: Callable[[], None] | None = None,
) -> FittedMembers:
    """Fit every member to all folds but its own; the same arguments give the same bytes.

    Args:
        features: `(n, d)`.
        targets: `(n,)` standardised: the trees start from 0.
        params: hyper-parameters.
        seed: of the folds and of each member's subsamples.
        progress: called after each member.

    Raises:
        TableError: too few rows.
    """
    import xgboost

    if len(targets) < max(LEAST_ROWS, 2 * params.members):
        raise TableError(
            f"{len(targets)} rows with a value are too few to fit {params.members} members; "
            f"at least {max(LEAST_ROWS, 2 * params.members)} are needed"
        )
    settings = asdict(params)
    members, rounds = settings.pop("members"), settings.pop("n_estimators")
    settings |= {"objective": "reg:squarederror", "base_score": 0.0, "tree_method": "hist", "nthread": 1}
    rng = np.random.default_rng(np.random.SeedSequence([seed, len(targets)]))
    fold = rng.permutation(len(targets)) % members
    boosters, out_of_fold = [], np.empty(len(targets))
    for member in range(members):
        seen = fold != member
        booster = xgboost.train(
            {**settings, "seed": seed * members + member}, xgboost.DMatrix(features[seen], targets[seen]), rounds
        )
        boosters.append(booster)
        out_of_fold[~seen] = booster.inplace_predict(features[~seen])
        if progress:
            progress()
    return FittedMembers(Members(boosters, features.shape[1]), out_of_fold)
