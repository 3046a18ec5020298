"""Which rows predictors see: disjoint, nested, paired; which labels: as the policy says."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nasbench
from nasbench.errors import TaskError, UnknownNameError
from nasbench.prediction_split import CLASS_DISJOINT, TOP_DECILE, UNIFORM, split
from nasbench.prediction_task import PredictionTask

CIFAR10 = "nasbench201/cifar10"


@pytest.mark.parametrize("trial", [0, 1])
def test_held_out_rows_are_never_trained_on_and_class_disjoint_ones_have_no_twin(trial):
    task = PredictionTask(CIFAR10)

    def computed(rows):
        return list(map(tuple, task.bench.space.canonical(task.bench.genotypes[rows]).tolist()))

    for size in (5, 300, 1000):
        rows = split(task, trial, size)
        train = set(rows.train.tolist())
        assert len(train) == size
        for kind in (UNIFORM, CLASS_DISJOINT, TOP_DECILE):
            held = set(rows.held_out[kind].tolist())
            assert len(held) == 200
            assert not held & train
        functions = set(computed(rows.train))
        assert not functions & set(computed(rows.held_out[CLASS_DISJOINT]))
    usual = computed(rows.held_out[UNIFORM])
    # At 1000 training rows 53 % of uniform rows have a twin; within five binomial standard errors.
    assert abs(sum(f in functions for f in usual) / 200 - 0.53) < 5 * math.sqrt(0.25 / 200)


def test_training_rows_are_nested_and_the_split_knows_no_other_size():
    task = PredictionTask(CIFAR10)
    small, large = split(task, 3, 20), split(task, 3, 500)
    assert small.train.tolist() == large.train[:20].tolist()
    assert small.held_out[UNIFORM].tolist() == large.held_out[UNIFORM].tolist()
    assert split(task, 4, 20).train.tolist() != small.train.tolist()
    assert split(PredictionTask(CIFAR10, held_out=100), 3, 20).train.tolist() != small.train.tolist()


def test_no_class_disjoint_rows_where_nothing_has_a_twin_or_twins_differ():
    assert CLASS_DISJOINT not in split(PredictionTask("fcnet/naval_propulsion"), 0, 10).held_out
    assert CLASS_DISJOINT not in split(PredictionTask(CIFAR10, "latency_ms"), 0, 10).held_out
    assert CLASS_DISJOINT in split(PredictionTask(CIFAR10), 0, 10).held_out


@pytest.mark.parametrize("label", ["mean", "random"])
def test_labels_follow_the_policy_and_the_top_is_chosen_by_other_training_runs(label):
    task = PredictionTask(CIFAR10, label=label)
    column = task.bench.column("val_accuracy")
    labels = task.labels(2)
    rows = split(task, 2, 100).held_out[TOP_DECILE]
    for row in rows[:50].tolist():
        runs = [v for v in column[row].tolist() if not math.isnan(v)]
        # Which run was drawn is what the mean of the others leaves.
        single = labels.selecting[row] if label == "mean" else labels.judging[row]
        others = labels.judging[row] if label == "mean" else labels.selecting[row]
        assert single in runs
        rest = list(runs)
        rest.remove(single)
        assert others == pytest.approx(sum(rest) / len(rest))
        assert labels.shown[row] == pytest.approx(sum(runs) / len(runs) if label == "mean" else single)
    judged = ~np.isnan(labels.selecting) & ~np.isnan(labels.judging)
    cut = np.sort(labels.selecting[judged])[-math.ceil(judged.sum() / 10)]
    assert labels.selecting[rows].min() >= cut


def test_drawn_runs_are_uniform_among_those_that_exist_and_fixed_by_the_trial():
    task = PredictionTask(CIFAR10, label="random")
    column = task.bench.column("val_accuracy")
    drawn = np.argmax(column == task.labels(0).shown[:, None], axis=1)
    three = ~np.isnan(column).any(axis=1)
    share = np.bincount(drawn[three], minlength=3) / three.sum()
    assert np.abs(share - 1 / 3).max() < 5 * math.sqrt(2 / 9 / three.sum())
    assert (task.labels(0).shown == PredictionTask(CIFAR10, label="random").labels(0).shown).all()
    assert (task.labels(0).shown != task.labels(1).shown).any()


def test_smaller_is_better_chooses_the_smallest():
    task = PredictionTask("fcnet/naval_propulsion")
    labels = task.labels(0)
    rows = split(task, 0, 50).held_out[TOP_DECILE]
    assert labels.selecting[rows].max() <= np.quantile(labels.selecting, 0.1) * (1 + 1e-9)


def test_a_table_of_single_runs_says_so():
    task = PredictionTask("nas-bench-graph/cora")
    labels = task.labels(0)
    assert not task.noise_known
    assert labels.selecting is labels.judging
    assert labels.seconds is None
    assert PredictionTask(CIFAR10, "latency_ms").labels(0).seconds is None  # measured without training


def test_training_seconds_are_those_of_the_labels_run():
    task = PredictionTask("fcnet/naval_propulsion", label="random")
    labels, times = task.labels(0), task.bench.column("train_seconds")
    drawn = np.argmax(task.bench.column("val_loss") == labels.shown[:, None], axis=1)
    rows = np.arange(0, 60_000, 1000)
    values = task.bench.column("val_loss")[rows]
    untied = np.array([len(set(v)) == 4 for v in values.tolist()])
    assert (labels.seconds[rows] == times[rows, drawn[rows]])[untied].all()
    assert PredictionTask("fcnet/naval_propulsion").labels(0).seconds[7] == pytest.approx(times[7].mean())


def test_unusable_tasks_are_refused():
    with pytest.raises(TaskError, match="label must be one of mean, random"):
        PredictionTask(CIFAR10, label="best")
    with pytest.raises(TaskError, match="held_out"):
        PredictionTask(CIFAR10, held_out=1)
    with pytest.raises(UnknownNameError, match="val_acuracy"):
        PredictionTask(CIFAR10, "val_acuracy")
    with pytest.raises(TaskError, match="is a test column"):
        PredictionTask("nas-bench-graph/cora", "test_accuracy")
    assert PredictionTask("nas-bench-graph/cora", "test_accuracy", allow_test=True).predicts_test
    with pytest.raises(TaskError, match="too few to train on 15,600"):
        split(PredictionTask(CIFAR10), 0, 15_600)


def test_equal_tasks_are_equal_and_come_back_from_their_identity():
    task = PredictionTask(nasbench.load(CIFAR10), "val_accuracy", held_out=50)
    assert task == PredictionTask(CIFAR10, held_out=50)
    assert PredictionTask.from_identity(task.identity()).id == task.id
    assert PredictionTask(CIFAR10).id != task.id
    assert PredictionTask(CIFAR10, "latency_ms").name == f"{CIFAR10} latency_ms"
