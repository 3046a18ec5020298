"""What a study is about: the space, the strategy, the objectives, and what keeps them apart from another's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nasbench.constraint import Constraint
from nasbench.problem import Objective, Problem
from nasbench.space import SearchSpace
from nasbench.spaces import from_definition
from nasbench.spaces.restricted import restrict
from nasbench.streams import generator


@dataclass(frozen=True)
class Definition:
    """What a study is about; JSON values but for the space.

    Attributes:
        space: where to search, before choices are pinned or forbidden.
        strategy: registry name.
        params: its hyper-parameters that differ from the defaults.
        version: the strategy's `version` when the study began.
        objectives: what to optimise.
        constraints: bounds such as `params<=1e6`, on metrics that are told with the values.
        pin, forbid: see `nasbench.spaces.restricted.restrict`.
        fidelities: epochs that a trial may ask for, rising; empty for full trainings only.
        workers: how many trials run at the same time.
        seed: of all that is random.
    """

    space: SearchSpace
    strategy: str
    params: Mapping[str, Any]
    version: int
    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...] = ()
    pin: Mapping[str, Sequence[str]] | None = None
    forbid: tuple[str, ...] = ()
    fidelities: tuple[int, ...] = ()
    workers: int = 1
    seed: int = 0

    @cached_property
    def searched(self) -> SearchSpace:
        """The space that is left by what is pinned and forbidden."""
        return restrict(self.space, self.pin or {}, self.forbid)

    @cached_property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints, parsed."""
        return tuple(map(Constraint.parse, self.constraints))

    def to_json(self) -> str:
        """As text that `from_json` reads back."""
        return json.dumps(
            {
                "space": {"kind": self.space.kind, "definition": self.space.definition()},
                "strategy": [self.strategy, dict(self.params), self.version],
                "objectives": [[o.name, o.direction, o.functional] for o in self.objectives],
                "constraints": self.constraints,
                "pin": dict(self.pin or {}),
                "forbid": self.forbid,
                "fidelities": self.fidelities,
                "workers": self.workers,
                "seed": self.seed,
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str) -> Definition:
        """The inverse of `to_json`."""
        found = json.loads(text)
        name, params, version = found["strategy"]
        return cls(
            space=from_definition(found["space"]["kind"], found["space"]["definition"]),
            strategy=name,
            params=params,
            version=version,
            objectives=tuple(Objective(*one) for one in found["objectives"]),
            constraints=tuple(found["constraints"]),
            pin=found["pin"],
            forbid=tuple(found["forbid"]),
            fidelities=tuple(found["fidelities"]),
            workers=found["workers"],
            seed=found["seed"],
        )


def problem_of(definition: Definition) -> Problem:
    """What a study's strategy may see."""
    return Problem(
        definition.searched,
        definition.objectives,
        generator("study design", definition.to_json()),
        fidelities=definition.fidelities,
        workers=definition.workers,
        constraints=definition.bounds,
    )
