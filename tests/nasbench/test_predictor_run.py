"""One run of a predictor: same key, same bytes; predictors that need no training; failures; labels of entries."""

from __future__ import annotations

import pickle
import sys
import types

import numpy as np
import pytest

from nasbench.errors import TaskError, UnknownNameError
from nasbench.prediction_split import KINDS, UNIFORM, split
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_experiment import entries, plan
from nasbench.predictor_run import PredictorSpec, evaluate_predictor, predictor_key
from nasbench.predictors import REGISTRY

CIFAR10 = "nasbench201/cifar10"


class Counting:
    """Predicts the sum of its features without any training."""

    query_only = True

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y):
        assert len(X) == len(y) == 0
        self.fitted_ = True
        return self

    def predict(self, X, return_std=False):
        mean = np.asarray(X, dtype=float).sum(axis=1)
        return (mean, np.full(len(mean), np.nan)) if return_std else mean


class Broken(Counting):
    """Always fails."""

    query_only = False

    def fit(self, X, y):
        raise RuntimeError("no luck today")


class Infinite(Counting):
    """Predicts what is no number."""

    query_only = False

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X, return_std=False):
        return np.full(len(X), np.inf), np.ones(len(X))


@pytest.fixture
def registered(monkeypatch):
    """The classes above as registered predictors."""
    from sklearn.base import BaseEstimator, RegressorMixin

    module = types.ModuleType("predictors_of_a_test")
    for cls in (Counting, Broken, Infinite):
        setattr(
            module, cls.__name__, type(cls.__name__, (cls, RegressorMixin, BaseEstimator), {"__init__": cls.__init__})
        )
        monkeypatch.setitem(REGISTRY.table, cls.__name__.lower(), (f"{module.__name__}:{cls.__name__}", None))
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def task():
    return PredictionTask(CIFAR10, held_out=30)


@pytest.mark.parametrize("name", ["gp", "random-forest", "xgboost", "mlp-ensemble"])
def test_same_key_same_bytes_and_another_trial_another(name, task):
    spec = PredictorSpec(name)
    first, again, other = (evaluate_predictor(task, spec, 12, trial) for trial in (0, 0, 1))
    assert first.key == again.key != other.key
    assert first.predictions.tobytes() == again.predictions.tobytes()
    assert first.prediction_hash == again.prediction_hash != other.prediction_hash


def test_predictions_are_those_of_the_predictor_made_by_hand(task):
    from nasbench.predictors import create

    run = evaluate_predictor(task, PredictorSpec("random-forest", {"random_state": 5}), 40, 2)
    rows, bench = split(task, 2, 40), task.bench
    model = create("random-forest", bench.space, random_state=5)
    model.fit(bench.genotypes[rows.train], bench.mean("val_accuracy")[rows.train])
    for kind in KINDS:
        part = run.of_kind(kind)
        assert part["row"].tolist() == rows.held_out[kind].tolist()
        mean, std = model.predict(bench.genotypes[rows.held_out[kind]], return_std=True)
        np.testing.assert_allclose(part["mean"], mean)
        np.testing.assert_allclose(part["std"], std)


def test_costs_are_not_functional_and_accuracy_is():
    for metric, functional in (("latency_ms", False), ("val_accuracy", True)):
        task = PredictionTask(CIFAR10, metric, held_out=30)
        pipeline = PredictorSpec("random-forest").build(task.bench.space, task.functional, 0)
        assert type(pipeline["encode"]).__name__ == ("PathFeatures" if functional else "Mixed")
        assert task.functional is functional


def test_an_encoder_by_name_and_its_absence(task):
    run = evaluate_predictor(task, PredictorSpec("gp", encoder="one-hot"), 20)
    assert not run.failed
    assert run.prediction_hash != evaluate_predictor(task, "gp", 20).prediction_hash
    with pytest.raises(UnknownNameError, match="one-hot"):
        PredictorSpec("gp", encoder="onehot").build(task.bench.space, True, 0)


def test_every_setting_and_the_labels_are_part_of_the_key(task):
    base = PredictorSpec("random-forest")
    variants = [
        base,
        PredictorSpec("random-forest", {"max_depth": 3}),
        PredictorSpec("random-forest", encoder="one-hot"),
        PredictorSpec("random-forest", rank_targets=False),
        PredictorSpec("random-forest", salt="b"),
        PredictorSpec("gp"),
    ]
    keys = [predictor_key(task, spec.entry(), 9, 0) for spec in variants]
    keys += [predictor_key(task, base.entry(), 10, 0), predictor_key(task, base.entry(), 9, 1)]
    keys += [predictor_key(PredictionTask(CIFAR10, label="random", held_out=30), base.entry(), 9, 0)]
    assert len(set(keys)) == len(keys)
    default = PredictorSpec("random-forest", {"n_estimators": 116})
    assert predictor_key(task, default.entry(), 9, 0) == keys[0]


def test_a_given_random_state_is_kept_and_one_that_is_not_given_is_drawn(task):
    given, drawn = PredictorSpec("random-forest", {"random_state": 0}), PredictorSpec("random-forest")
    assert predictor_key(task, given.entry(), 9, 0) != predictor_key(task, drawn.entry(), 9, 0)
    assert predictor_key(task, drawn.entry(), 9, 0) == predictor_key(
        task, PredictorSpec("random-forest", {"random_state": None}).entry(), 9, 0
    )
    for trial in (0, 1):
        forest = drawn.build(task.bench.space, True, trial)["regress"].regressor
        assert forest.random_state == trial
        assert given.build(task.bench.space, True, trial)["regress"].regressor.random_state == 0


@pytest.mark.parametrize(
    "spec",
    [
        PredictorSpec("gp"),
        PredictorSpec("gp", {"noise": 0.5}, encoder="one-hot"),
        PredictorSpec("random-forest", {"random_state": 0}, rank_targets=False, salt="b"),
    ],
)
def test_a_predictor_comes_back_from_its_entry(task, spec):
    assert PredictorSpec.from_entry(spec.entry()) == spec
    assert pickle.loads(pickle.dumps(task)) == task
    task.labels(0)
    assert len(pickle.dumps(task)) < 1000


def test_a_predictor_that_needs_no_training_is_planned_once_a_trial(registered, task):
    specs = entries([PredictorSpec("counting", rank_targets=False), PredictorSpec("gp")])
    planned = plan([task], specs, [5, 9], range(2))
    assert [(p.spec.name, p.size) for p in planned if p.trial == 0] == [("counting", 0), ("gp", 5), ("gp", 9)]
    run = planned[0].execute()
    assert not run.failed
    rows = run.of_kind(UNIFORM)
    assert rows["row"].tolist() == split(task, 0, 9).held_out[UNIFORM].tolist()
    assert np.isnan(rows["std"]).all()


def test_what_an_encoder_charges_is_part_of_the_query(registered, task, monkeypatch):
    from nasbench.predictors.charge import Charge
    from nasbench.predictors.encoders import OneHot

    charge = lambda self, X: Charge(np.ones(len(X)), np.full(len(X), 2.5))  # noqa: E731
    monkeypatch.setattr(OneHot, "cost", charge, raising=False)
    run = evaluate_predictor(task, PredictorSpec("random-forest", {"n_estimators": 2}, encoder="one-hot"), 5)
    assert run.charged_seconds == 2.5
    assert evaluate_predictor(task, PredictorSpec("random-forest", {"n_estimators": 2}), 5).charged_seconds == 0.0


def test_an_error_of_the_predictor_becomes_a_failed_run_or_is_raised(registered, task):
    with pytest.raises(RuntimeError, match="no luck"):
        evaluate_predictor(task, PredictorSpec("broken"), 5)
    run = evaluate_predictor(task, PredictorSpec("broken"), 5, raise_errors=False)
    assert run.failed
    assert "no luck today" in run.error
    assert len(run.predictions) == 0
    spec = PredictorSpec("infinite", rank_targets=False)
    assert "90 of 90 predictions are not finite" in evaluate_predictor(task, spec, 5, raise_errors=False).error


def test_labels_tell_variants_apart():
    specs = [
        PredictorSpec("gp"),
        PredictorSpec("xgboost"),
        PredictorSpec("xgboost", {"max_depth": 3}),
        PredictorSpec("xgboost", encoder="one-hot"),
        PredictorSpec("random-forest", salt="b"),
    ]
    assert [entry.label for _, entry in entries(specs)] == [
        "gp", "xgboost", "xgboost(max_depth=3)", "xgboost(encoder=one-hot)", "random-forest #b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "trials", "message"),
    [([], [0], "at least one"), ([5], [], "at least one"), ([1], [0], "from 2, got 1"), ([True], [0], "from 2"),
     ([2.5], [0], "whole number")],
)  # fmt: skip
def test_unusable_plans_are_refused(task, sizes, trials, message):
    with pytest.raises(TaskError, match=message):
        plan([task], entries([PredictorSpec("gp")]), sizes, trials)


def test_the_same_predictor_twice_needs_a_salt(task):
    with pytest.raises(TaskError, match="entered twice"):
        plan([task], entries([PredictorSpec("gp"), PredictorSpec("gp", {"noise": 0.1})]), [5], [0])
    assert len(plan([task], entries([PredictorSpec("gp"), PredictorSpec("gp", salt="b")]), [5], [0])) == 2
    with pytest.raises(TaskError, match="JSON"):
        PredictorSpec("gp", {"noise": object()}).entry()
    with pytest.raises(UnknownNameError, match="xgbost"):
        plan([task], entries([PredictorSpec("xgbost")]), [5], [0])
    with pytest.raises(UnknownNameError, match="max_deph"):
        plan([task], entries([PredictorSpec("xgboost", {"max_deph": 3})]), [5], [0])
