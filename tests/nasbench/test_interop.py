"""Round trips to ConfigSpace and Optuna."""

import math

import numpy as np
import pytest

from nasbench.benchmark import load
from nasbench.errors import GenotypeError, NotInTableError, TaskError, UnknownNameError
from nasbench.interop import OptunaObjective, from_configuration, to_configspace, to_configuration
from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.table import TableSpace

GRID = GridSpace(
    [
        Parameter("width", (8, 16, 64), ordered=True),
        Parameter("rate", (0.1, 0.01), ordered=True),
        Parameter("operation", ("conv", "1", "skip")),
        Parameter("depth", (1,)),
        Parameter("code", ("a", 1, 2.5)),
    ]
)
PARTIAL = TableSpace(GRID, GRID.all()[::3])


class TestConfigSpace:
    ConfigSpace = pytest.importorskip("ConfigSpace")

    def test_every_architecture_comes_back(self):
        made = to_configspace(GRID)
        for genotype in map(tuple, GRID.all().tolist()):
            configuration = to_configuration(GRID, genotype, made)
            assert from_configuration(GRID, configuration) == genotype
            assert list(configuration) == [p.name for p in GRID.parameters] or set(configuration) == {
                p.name for p in GRID.parameters
            }

    def test_what_it_samples_is_an_architecture(self):
        made = to_configspace(GRID)
        made.seed(3)
        sampled = [from_configuration(GRID, c) for c in made.sample_configuration(200)]
        assert GRID.valid(sampled).all()
        assert len(set(sampled)) > 40

    def test_order_is_kept(self):
        made = to_configspace(GRID)
        kinds = {name: type(made[name]).__name__ for name in made}
        assert kinds["width"] == kinds["rate"] == "OrdinalHyperparameter"
        assert kinds["operation"] == "CategoricalHyperparameter"
        assert list(made["width"].sequence) == [8, 16, 64]

    def test_a_benchmark_has_the_whole_space_of_its_family(self):
        bench = load("nasbench201/cifar10")
        made = bench.configspace()
        assert made.estimate_size() == 15625
        genotype = (4, 2, 1, 2, 1, 1)
        assert from_configuration(bench.space, to_configuration(bench.space, genotype, made)) == genotype


def test_a_mapping_that_is_no_architecture_is_refused():
    whole = {"width": 8, "rate": 0.01, "operation": "1", "depth": 1, "code": np.float64(2.5)}
    assert from_configuration(GRID, whole) == (0, 1, 1, 0, 2)
    with pytest.raises(GenotypeError, match="width"):
        from_configuration(GRID, {k: v for k, v in whole.items() if k != "width"})
    with pytest.raises(GenotypeError, match="choice of operation"):
        from_configuration(GRID, whole | {"operation": 1})
    unlisted = next(g for g in map(tuple, GRID.all().tolist()) if not PARTIAL.valid([g])[0])
    with pytest.raises(NotInTableError):
        from_configuration(PARTIAL, {p.name: p.choices[g] for p, g in zip(GRID.parameters, unlisted, strict=True)})


class TestOptuna:
    optuna = pytest.importorskip("optuna")

    def study(self, objective, trials):
        self.optuna.logging.set_verbosity(self.optuna.logging.ERROR)
        study = self.optuna.create_study(
            direction=objective.direction, sampler=self.optuna.samplers.RandomSampler(seed=2)
        )
        study.optimize(objective, n_trials=trials)
        return study

    def test_values_are_those_of_the_table(self):
        bench = load("nasbench201/cifar10")
        objective = bench.optuna_objective()
        study = self.study(objective, 60)
        assert objective.direction == "maximize"
        for trial in study.trials:
            genotype = objective.genotype(trial.params)
            assert trial.value == bench.query(genotype, "val_accuracy")
            assert from_configuration(bench.space, trial.params) == genotype
        assert study.best_value == max(t.value for t in study.trials)

    def test_ordered_parameters_are_ranks(self):
        objective = OptunaObjective(GRID, lambda g: float(GRID.index(g)), "minimize")
        study = self.study(objective, 40)
        for trial in study.trials:
            assert GRID.index(objective.genotype(trial.params)) == trial.value
            assert trial.params["width"] in (0, 1, 2)
            assert trial.params["operation"] in ("conv", "1", "skip")

    def test_what_is_not_listed_is_pruned_and_what_has_no_value_fails(self):
        objective = OptunaObjective(PARTIAL, lambda g: math.nan if g[0] == 1 else 1.0, "maximize")
        study = self.study(objective, 80)
        states = {}
        for trial in study.trials:
            genotype = tuple(
                trial.params[p.name] if p.ordered else p.choices.index(trial.params[p.name]) for p in GRID.parameters
            )
            listed = bool(PARTIAL.valid([genotype])[0])
            states.setdefault((listed, genotype[0] == 1), set()).add(trial.state.name)
        assert states == {
            (False, False): {"PRUNED"},
            (False, True): {"PRUNED"},
            (True, False): {"COMPLETE"},
            (True, True): {"FAIL"},
        }

    def test_a_test_column_is_refused_unless_allowed(self):
        bench = load("nas-bench-graph/cora")
        name = next(n for n, m in bench.metrics.items() if m.is_test)
        with pytest.raises(TaskError, match="test data"):
            bench.optuna_objective(name)
        assert bench.optuna_objective(name, allow_test=True).direction == bench.metrics[name].direction
        with pytest.raises(UnknownNameError):
            bench.optuna_objective("accuracy_of_dreams")
        with pytest.raises(UnknownNameError):
            bench.optuna_objective(repeat=17)
