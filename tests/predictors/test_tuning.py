"""Tuning within the fit: budgets, repeatability, the tables of ranges and the ledger."""

import inspect
import tomllib
from pathlib import Path

import numpy as np
import pytest

from nasbench import predictors
from nasbench.datasets.catalog import WholeTable, catalog
from nasbench.datasets.families import FAMILIES
from nasbench.errors import MissingExtraError, TaskError
from nasbench.predictors import tuning
from nasbench.predictors.tuning import Tuned, TuningTrial, check_repeatable
from nasbench.predictors.tuning_ledger import ledger, tuned_on
from nasbench.predictors.tuning_spaces import TUNED, Range, draw
from nasbench.spaces.grid import GridSpace

GRID = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y", "z"], "c": [1, 2, 3, 4, 5, 6], "d": ["p", "q", "r"]})
X = GRID.genotypes(np.random.default_rng(0).permutation(GRID.size)[:120])
Y = X @ [1.0, -2.0, 0.5, 1.5] + np.random.default_rng(1).normal(size=120)


def tuned_step(predictor):
    return predictor.named_steps["regress"].regressor_


@pytest.mark.parametrize("name", sorted(TUNED))
def test_ranges_are_of_parameters_that_exist_and_hold_their_defaults(name):
    try:
        known = inspect.signature(predictors.REGISTRY.get(name)).parameters
    except MissingExtraError as error:
        pytest.skip(str(error))
    for parameter, allowed in TUNED[name].items():
        default = known[parameter].default
        assert allowed.low <= default <= allowed.high, parameter
        assert isinstance(default, int) or not allowed.whole


def test_every_predictor_is_tuned_or_said_to_have_nothing_to_tune():
    nothing = {"bayesian-linear", "gp-wl", "ridge"}
    chosen_by_hand = {"gates", "gcn", "gin", "lcsvr", "lstm", "omni", "transformer", "vote"}
    assert set(predictors.list()) - set(TUNED) == nothing | chosen_by_hand | (predictors.LOOK_UP - {"lcsvr", "omni"})


def test_draws_stay_inside_and_reach_both_ends():
    rng = np.random.default_rng(0)
    whole = [Range(1, 8, log=True, whole=True).draw(rng) for _ in range(4000)]
    assert set(whole) == set(range(1, 9))
    assert all(isinstance(value, int) for value in whole)
    # log-uniform over [0.5, 8.5]: an int k has the mass of [k - 1/2, k + 1/2]
    share = np.log(1.5 / 0.5) / np.log(8.5 / 0.5)
    assert np.mean(np.array(whole) == 1) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 4000))
    values = np.array([Range(0.01, 1.0, log=True).draw(rng) for _ in range(4000)])
    assert ((values >= 0.01) & (values <= 1.0)).all()
    assert np.median(np.log10(values)) == pytest.approx(-1.0, abs=0.1)
    assert draw(TUNED["xgboost"], np.random.default_rng(5)) == draw(TUNED["xgboost"], np.random.default_rng(5))


def test_a_number_of_trials_is_repeatable_and_begins_with_the_defaults():
    first, second, other = (
        predictors.create("knn", GRID, tune_trials=6, random_state=seed).fit(X, Y) for seed in (3, 3, 4)
    )
    tried = [trial.params for trial in tuned_step(first).trials_]
    assert tried[0] == {}
    assert len(tried) == 6
    assert tried == [trial.params for trial in tuned_step(second).trials_]
    assert tried != [trial.params for trial in tuned_step(other).trials_]
    assert first.predict(X).tobytes() == second.predict(X).tobytes()
    check_repeatable(first)


def test_one_configuration_is_the_default_itself():
    plain = predictors.create("xgboost", GRID, n_estimators=10).fit(X, Y)
    tuned = predictors.create("xgboost", GRID, n_estimators=10, tune_trials=1).fit(X, Y)
    assert plain.predict(X).tobytes() == tuned.predict(X).tobytes()


def test_it_finds_what_is_plainly_better():
    """Nearest-neighbour averages over many rows see through heavy noise where few cannot."""
    noisy = X @ [1.0, -2.0, 0.5, 1.5] + 6.0 * np.random.default_rng(2).normal(size=120)
    tuned = tuned_step(predictors.create("knn", GRID, neighbours=1, tune_trials=12).fit(X, noisy))
    assert tuned.chosen_["neighbours"] > 1
    best = max(tuned.trials_, key=lambda trial: trial.score)
    assert best.params == tuned.chosen_
    assert tuned.regressor_.neighbours == tuned.chosen_["neighbours"]


def test_scores_are_those_of_scikit_learns_cross_validation():
    from scipy.stats import kendalltau
    from sklearn.model_selection import PredefinedSplit, cross_val_score

    tuned = tuned_step(predictors.create("knn", GRID, tune_trials=2).fit(X, Y))
    fold = tuning.deal(len(Y), tuning.FOLDS, 0)
    encode = predictors.create("knn", GRID).named_steps["encode"]

    def tau(model, features, y):
        return kendalltau(model.predict(features), y).statistic

    for trial in tuned.trials_:
        model = predictors.create("knn", GRID, rank_targets=False, **trial.params).named_steps["regress"]
        expected = cross_val_score(model, encode.transform(X), Y, cv=PredefinedSplit(fold), scoring=tau)
        assert trial.folds == pytest.approx(expected.tolist(), abs=0.03)  # ranks against values as targets


def test_a_gain_within_its_standard_error_is_no_gain():
    default = TuningTrial({}, 0.50, (0.4, 0.5, 0.6, 0.5, 0.5), 0.0)
    lucky = TuningTrial({"a": 1}, 0.52, (0.9, 0.5, 0.2, 0.5, 0.5), 0.0)
    better = TuningTrial({"a": 2}, 0.56, (0.46, 0.57, 0.65, 0.56, 0.56), 0.0)
    assert tuning._chosen([default, lucky]) == {}
    assert tuning._chosen([default, lucky, better]) == {"a": 2}
    assert tuning._chosen([]) == {}


def test_seconds_end_the_search_and_are_no_budget_for_a_search(monkeypatch):
    clock = iter(np.arange(0.0, 1e6))
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: float(next(clock)))
    predictor = predictors.create("knn", GRID, tune=20.0).fit(X, Y)
    # a trial reads the clock three times; each reading is a second later
    spent = tuned_step(predictor).trials_
    assert 1 < len(spent) < 20
    with pytest.raises(TaskError, match="tune_trials"):
        check_repeatable(predictor)


def test_too_few_rows_keep_the_defaults():
    tuned = tuned_step(predictors.create("knn", GRID, tune_trials=5).fit(X[:10], Y[:10]))
    assert tuned.trials_ == []
    assert tuned.chosen_ == {}


def test_sources_and_tuning_go_together():
    rows = GRID.genotypes(np.arange(0, 216, 3))
    source = (rows, rows @ [1.0, -2.0, 0.5, 1.5])
    predictor = predictors.create("gp", GRID, source=source, tune_trials=3).fit(X[:40], Y[:40])
    tuned = tuned_step(predictor)
    assert isinstance(tuned, Tuned)
    assert len(tuned.trials_) == 3
    assert np.isfinite(predictor.predict(X)).all()


def test_budgets_and_predictors_that_cannot_be_are_refused():
    for bad in (0, -1, 1.5, True):
        with pytest.raises(TaskError, match="tune_trials"):
            predictors.create("knn", GRID, tune_trials=bad)
    with pytest.raises(TaskError, match="seconds"):
        predictors.create("knn", GRID, tune=0)
    with pytest.raises(TaskError, match="no hyper-parameters"):
        predictors.create("ridge", GRID, tune_trials=3)


def test_the_ledger_names_every_predictor_and_tables_that_exist():
    named = {name for entry in ledger() for name in entry.predictors}
    assert named == set(predictors.list())
    known = {f"{family}/{dataset}" for family, about in FAMILIES.items() for dataset in about.datasets}
    fetched = [entry for entry in catalog().values() if isinstance(entry, WholeTable)]
    known |= {f"{entry.name}/{dataset}" for entry in fetched for dataset in entry.datasets}
    assert {table for entry in ledger() for table in entry.tables} <= known
    assert "nasbench201/cifar10" in tuned_on("gp")
    assert tuned_on("ridge") == ()
    text = (Path(predictors.__file__).parent / "tuned_on.toml").read_text()
    assert len(tomllib.loads(text)["entry"]) == len(ledger())
