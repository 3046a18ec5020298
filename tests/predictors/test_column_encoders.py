"""Encoders that read a benchmark, on a small table written for the test."""

import numpy as np
import pytest

import nasbench
from nasbench.errors import TaskError, UnknownNameError
from nasbench.predictors.column_encoders import Columns, PartialCurves


@pytest.fixture
def bench(make_table, make_column, make_protocol):
    """64 architectures of 2 repeats, 3 epochs out of 12; architecture 5 has neither FLOPs nor a second epoch."""
    rng = np.random.default_rng(0)
    curve = rng.uniform(10, 90, size=(64, 2, 3))
    curve[5, :, 1] = np.nan
    flops = np.arange(64.0) + 100
    flops[5] = np.nan
    protocol = make_protocol(
        epochs=12,
        final={
            "val_accuracy": make_column(rng.uniform(10, 90, size=(64, 2))),
            "test_accuracy": make_column(rng.uniform(10, 90, size=(64, 2)), split="test"),
        },
        curve={
            "val_accuracy": make_column(curve, epochs=(1, 4, 12)),
            "test_accuracy": make_column(curve, split="test", epochs=(1, 4, 12)),
        },
        cost={
            "params": make_column(np.arange(64.0), split="cost"),
            "flops": make_column(flops, split="cost"),
            "train_seconds": make_column(np.stack([np.arange(64.0), np.arange(64.0) + 10], axis=1), split="cost"),
        },
    )
    return nasbench.load(make_table(protocol))


def test_columns_are_the_published_numbers(bench):
    genotypes = bench.genotypes[[9, 0, 33]]
    encoder = Columns(bench.space, bench.name, ["flops", "params"]).fit(genotypes)
    assert encoder.get_feature_names_out().tolist() == ["flops", "params"]
    np.testing.assert_array_equal(encoder.transform(genotypes), [[109, 9], [100, 0], [133, 33]])
    assert Columns(bench.space, bench).fit(genotypes).get_feature_names_out().tolist() == ["flops", "params"]


def test_a_missing_number_is_an_error_unless_it_may_be_imputed(bench):
    genotypes = bench.genotypes[[1, 2, 9]]
    strict = Columns(bench.space, bench, ["params", "flops"]).fit(genotypes)
    with pytest.raises(TaskError, match="flops"):
        strict.transform(bench.genotypes[4:7])
    lenient = Columns(bench.space, bench, ["params", "flops"], missing="impute").fit(genotypes)
    np.testing.assert_array_equal(lenient.transform(bench.genotypes[4:6]), [[4, 104, 0, 0], [5, 102, 0, 1]])
    assert lenient.get_feature_names_out().tolist() == ["params", "flops", "no params", "no flops"]
    with pytest.raises(UnknownNameError, match="impute"):
        Columns(bench.space, bench, missing="zero").fit(genotypes)


def test_test_columns_are_refused(bench):
    with pytest.raises(TaskError, match="test column"):
        Columns(bench.space, bench, ["test_accuracy"]).fit(bench.genotypes)
    with pytest.raises(TaskError, match="test column"):
        PartialCurves(bench.space, bench, "test_accuracy", epoch=4).fit(bench.genotypes)
    with pytest.raises(UnknownNameError, match="params"):
        Columns(bench.space, bench, ["parms"]).fit(bench.genotypes)


def test_partial_curves_stop_at_the_epoch(bench):
    genotypes = bench.genotypes[[9, 0]]
    for repeat in (None, 1):
        encoder = PartialCurves(bench.space, bench, epoch=5, repeat=repeat).fit(genotypes)
        values = bench.curves("val_accuracy")[[9, 0], :, :2].astype(float)
        expected = values.mean(axis=1) if repeat is None else values[:, repeat]
        np.testing.assert_allclose(encoder.transform(genotypes), expected)
    assert encoder.get_feature_names_out().tolist() == ["val_accuracy at epoch 1", "val_accuracy at epoch 4"]
    with pytest.raises(UnknownNameError, match="epoch"):
        PartialCurves(bench.space, bench, epoch=0).fit(genotypes)


def test_a_partial_curve_costs_its_share_of_a_training(bench):
    genotypes = bench.genotypes[[9, 0]]
    mean = PartialCurves(bench.space, bench, epoch=5).cost(genotypes)
    assert mean.epochs.tolist() == [4, 4]
    np.testing.assert_allclose(mean.seconds, [14 * 4 / 12, 5 * 4 / 12])
    one = PartialCurves(bench.space, bench, epoch=1, repeat=1).cost(genotypes)
    np.testing.assert_allclose(one.seconds, [19 / 12, 10 / 12])


def test_a_predictor_works_on_columns_and_curves_together(bench):
    encoder = [Columns(bench.space, bench, ["params"]), PartialCurves(bench.space, bench, epoch=1)]
    predictor = nasbench.predictors.create("ridge", bench.space, encoder=encoder, rank_targets=False)
    y = 3.0 * bench.mean("params") + 2.0 * bench.query(bench.genotypes, "val_accuracy", epoch=1)
    predictor.fit(bench.genotypes[:40], y[:40])
    np.testing.assert_allclose(predictor.predict(bench.genotypes[40:]), y[40:], rtol=0.02)
