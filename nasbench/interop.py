"""Spaces and objectives as other projects know them: ConfigSpace and Optuna, each imported where it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nasbench.errors import MissingExtraError
from nasbench.parameter import Parameter, unknown_choice
from nasbench.space import Genotype, SearchSpace

if TYPE_CHECKING:
    from ConfigSpace import Configuration, ConfigurationSpace
    from optuna import Trial


def to_configspace(space: SearchSpace) -> ConfigurationSpace:
    """The space of ConfigSpace with the same parameters: ordinal where ordered, categorical elsewhere.

    What a constrained or partial space forbids is not part of it: `from_configuration` refuses it.

    Args:
        space: the space; its parameters keep their names, in order, and their choices.

    Raises:
        MissingExtraError: ConfigSpace is not installed.
    """
    try:
        from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, OrdinalHyperparameter
    except ModuleNotFoundError as error:
        raise MissingExtraError("a space of ConfigSpace", "configspace") from error
    made = ConfigurationSpace()
    for parameter in space.parameters:
        kind = OrdinalHyperparameter if parameter.ordered else CategoricalHyperparameter
        made.add(kind(parameter.name, list(parameter.choices)))
    return made


def to_configuration(space: SearchSpace, genotype: Genotype, made: ConfigurationSpace) -> Configuration:
    """The configuration of an architecture.

    Args:
        space: the space.
        genotype: the architecture.
        made: what `to_configspace` made of the space.

    Raises:
        GenotypeError: it is not an architecture of the space.
    """
    from ConfigSpace import Configuration

    space.check([genotype])
    values = {p.name: p.choices[gene] for p, gene in zip(space.parameters, genotype, strict=True)}
    return Configuration(made, values=values)


def from_configuration(space: SearchSpace, configuration: Mapping[str, Any]) -> Genotype:
    """The architecture of a configuration, or of any other mapping from names to choices.

    Raises:
        GenotypeError: a parameter or choice that the space does not have, or a combination that is none of its
            architectures.
        NotInTableError: a valid architecture that a partial table does not list.
    """
    genotype = []
    for parameter in space.parameters:
        if parameter.name not in configuration:
            raise unknown_choice("parameter", parameter.name, configuration)
        genotype.append(_place(parameter, configuration[parameter.name]))
    return tuple(space.check([genotype])[0].tolist())


def _place(parameter: Parameter, choice: Any) -> int:
    """Which choice of the parameter it is; a scalar of numpy counts as the Python value."""
    value = getattr(choice, "item", lambda: choice)()
    for place, own in enumerate(parameter.choices):
        if own == value and isinstance(own, str) == isinstance(value, str):
            return place
    raise unknown_choice(f"choice of {parameter.name}", choice, parameter.choices)


class OptunaObjective:
    """A table's metric as an objective of Optuna: `study.optimize(objective, n_trials=100)`.

    An ordered parameter is suggested as the rank of its choice, from 0, so that samplers see the order;
    any other by its choice. A combination that is no architecture of the space, or that a partial table
    does not list, is pruned, and an architecture without a value fails.

    Args:
        space: what is searched.
        answer: the metric's value of an architecture.
        direction: `maximize` or `minimize`, for `optuna.create_study(direction=objective.direction)`.

    Attributes:
        direction: as given.
    """

    def __init__(self, space: SearchSpace, answer: Callable[[Genotype], float], direction: str) -> None:
        self._space, self._answer, self.direction = space, answer, direction

    def __call__(self, trial: Trial) -> float:
        """The value of the architecture that a trial suggests.

        Raises:
            TrialPruned: it suggests none.
        """
        from optuna import TrialPruned

        genotype = tuple(self._suggest(trial, parameter) for parameter in self._space.parameters)
        if not self._space.valid([genotype])[0]:
            raise TrialPruned(f"{genotype} is no architecture of {self._space!r}")
        return self._answer(genotype)

    @staticmethod
    def _suggest(trial: Trial, parameter: Parameter) -> int:
        if parameter.ordered:
            return trial.suggest_int(parameter.name, 0, len(parameter) - 1)
        return parameter.choices.index(trial.suggest_categorical(parameter.name, parameter.choices))

    def genotype(self, params: Mapping[str, Any]) -> Genotype:
        """The architecture of a trial's parameters, as in `study.best_params`.

        Raises:
            GenotypeError, NotInTableError: they are no architecture of the space.
        """
        chosen = {
            p.name: p.choices[params[p.name]] if p.ordered and p.name in params else params.get(p.name)
            for p in self._space.parameters
        }
        return from_configuration(self._space, chosen)
