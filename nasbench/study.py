"""A kept study: the same strategies, asked and told by hand, over days, driving somebody's own trainings.

The file holds what was asked and told, in order, and nothing of the strategy itself. To continue, the
strategy is started anew with the study's seed and lives through all of it again: nothing that is read is
executed, and a strategy whose traces have changed since is noticed.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nasbench.errors import GenotypeError, RecordsError, StrategyError, TaskError
from nasbench.incumbent import pareto_mask
from nasbench.problem import Objective, Observation, Trial
from nasbench.runner import entry_of
from nasbench.space import Genotype, SearchSpace
from nasbench.sqlite_store import SqliteStore
from nasbench.strategies import create
from nasbench.strategies.base import Strategy
from nasbench.streams import generator
from nasbench.study_definition import Definition, problem_of

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, wanted INTEGER NOT NULL, number INTEGER, genotype TEXT, epoch INTEGER,
    vals TEXT, constraint_vals TEXT, cost REAL, status TEXT
)""",
)


class StudyFile(SqliteStore):
    """Where a study is kept."""

    schema = _SCHEMA
    tables = frozenset({"meta", "events"})
    schema_version = SCHEMA_VERSION
    what = "study"
    written_by = "nasbench ask"
    otherwise = "give another file"


class StudyTrial(NamedTuple):
    """One trial of a study.

    Attributes:
        number: which it is.
        genotype: the architecture.
        epoch: fidelity to train to, None for the full one.
        own: whether somebody injected it.
        status: `running`, or what it was told with: `ok`, `infeasible`, `failed`.
        values: of the objectives; empty while it runs.
        constraints: values of the constrained metrics.
        cost: seconds it took, as told.
    """

    number: int
    genotype: Genotype
    epoch: int | None
    own: bool
    status: str
    values: tuple[float, ...] = ()
    constraints: tuple[float, ...] = ()
    cost: float = 1.0


class Study:
    """A search that is asked and told by hand, kept in a file; `Study.create` begins one.

    Every call is committed before it returns; several processes may share a file.

    Example:
        >>> from tempfile import mkdtemp
        >>> from nasbench.spaces.grid import GridSpace
        >>> space = GridSpace.of({"width": [16, 32, 64], "activation": ["relu", "tanh"]})
        >>> study = Study.create(mkdtemp() + "/mine.sqlite", space, "random-search", seed=1)
        >>> trial, = study.ask()
        >>> study.tell(trial.number, {"val_accuracy": 90.5}).status
        'ok'

    Args:
        path: an existing study.

    Raises:
        RecordsError: there is no study at the path, or it is damaged.

    Attributes:
        path: the SQLite file.
        definition: what it is about.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with StudyFile(self.path, readonly=True) as file, file._explained("read"):
            row = file._db.execute("SELECT value FROM meta WHERE key = 'definition'").fetchone()
        if row is None:
            raise RecordsError(f"{self.path} holds no definition of a study; delete the file")
        try:
            self.definition = Definition.from_json(row[0])
        except (ValueError, TypeError, KeyError, GenotypeError) as error:
            raise RecordsError(f"{self.path} holds a damaged study: {error}; delete the file") from error

    @classmethod
    def create(
        cls,
        path: str | Path,
        space: SearchSpace,
        strategy: Strategy | str = "gp",
        objectives: Sequence[Objective | str] = ("val_accuracy",),
        **choices: Any,
    ) -> Study:
        """Begin a study in a new file; the same call on the same file opens it again.

        Args:
            path: the file.
            space: where to search.
            strategy: a registry name, or a strategy with other hyper-parameters.
            objectives: names of metrics to maximize, or `Objective`.
            choices: `constraints`, `pin`, `forbid`, `fidelities`, `workers`, `seed`; see `Definition`.

        Raises:
            RecordsError: the file holds another study, or something else.
            StrategyError: the strategy cannot work on it.
            UnknownNameError: the strategy is in no registry, so that a file could not name it.
        """
        made = create(strategy) if isinstance(strategy, str) else strategy
        entry = entry_of(made)
        wanted = tuple(Objective(one) if isinstance(one, str) else one for one in objectives)
        about = Definition(space, entry.name, json.loads(entry.params), entry.version, wanted, **choices)
        if not wanted:
            raise TaskError("a study needs at least one objective")
        if made.uses:
            raise StrategyError(
                f"{entry.name} reads {', '.join(made.uses)} of a table, which a study does not have; choose another"
            )
        again = create(entry.name, **about.params)  # what the file says has to be enough to go on
        again.start(problem_of(about), generator("study strategy", about.to_json()))
        with StudyFile(Path(path)) as file, file._explained("write"), file._db:
            file._db.execute("BEGIN IMMEDIATE")
            kept = file._db.execute("SELECT value FROM meta WHERE key = 'definition'").fetchone()
            if kept is not None and kept[0] != about.to_json():
                raise RecordsError(f"{path} holds another study; give another file, or leave out what defines one")
            file._db.execute("INSERT OR IGNORE INTO meta VALUES ('definition', ?)", (about.to_json(),))
        return cls(path)

    @property
    def space(self) -> SearchSpace:
        """Where it searches: without what is pinned away or forbidden."""
        return self.definition.searched

    def ask(self, n: int = 1) -> list[StudyTrial]:
        """Up to n new trials; fewer, or none, where the strategy has nothing to ask at present.

        Raises:
            StrategyError: n is no positive whole number, or the strategy's traces changed since the study began.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise StrategyError(f"ask for a whole number of trials from 1, got {n!r}")
        with StudyFile(self.path) as file, file._explained("write"), file._db:
            file._db.execute("BEGIN IMMEDIATE")
            with one_thread():
                trials = self._replayed(self._events(file)).ask(n)
            if not trials:
                self._add(file, "ask", None, wanted=n)
            for trial in trials:
                self._add(file, "ask", trial, wanted=n)
        return [StudyTrial(*trial, own=False, status="running") for trial in trials]

    def inject(self, genotype: Genotype, epoch: int | None = None) -> StudyTrial:
        """A trial of an architecture of one's own; the strategy learns from it as from any other.

        Raises:
            GenotypeError: it is not one of the space (what is pinned away included).
            StrategyError: the study offers no such epoch.
        """
        about = self.definition
        genotype = tuple(about.space.check([list(genotype)])[0].tolist())
        if not about.searched.valid([genotype])[0]:
            raise GenotypeError(f"{about.space.format(genotype)} takes a choice that this study pins away or forbids")
        if epoch is not None and epoch not in self.definition.fidelities:
            raise StrategyError(f"the study offers the epochs {self.definition.fidelities}, not {epoch!r}")
        with StudyFile(self.path) as file, file._explained("write"), file._db:
            file._db.execute("BEGIN IMMEDIATE")
            with one_thread():
                trial = self._replayed(self._events(file)).adopt(genotype, epoch)
            self._add(file, "adopt", trial)
        return StudyTrial(*trial, own=True, status="running")

    def tell(
        self, number: int, values: Mapping[str, float] | None = None, *, cost: float = 1.0, failed: bool = False
    ) -> StudyTrial:
        """What became of a trial.

        Args:
            number: of the trial.
            values: metric -> number, for every objective and every constrained metric.
            cost: seconds that it took.
            failed: it gave no value; `values` may then be left out.

        Raises:
            StrategyError: no such trial, one that was told already, a metric that is missing or unknown, or a
                value that is no finite number.
        """
        with StudyFile(self.path) as file, file._explained("write"), file._db:
            file._db.execute("BEGIN IMMEDIATE")
            trials = {trial.number: trial for trial in self._trials(self._events(file))}
            if number not in trials:
                raise StrategyError(f"the study has no trial {number}; running: {self._running(trials.values())}")
            if trials[number].status != "running":
                raise StrategyError(f"trial {number} was told already ({trials[number].status})")
            told = self._observation(dict(values or {}), cost, failed)
            self._add(file, "tell", Trial(*trials[number][:3]), observation=told)
        return trials[number]._replace(
            status=told.status, values=told.values, constraints=told.constraints, cost=told.cost
        )

    def trials(self) -> list[StudyTrial]:
        """All trials in the order in which they were asked."""
        with StudyFile(self.path, readonly=True) as file:
            return self._trials(self._events(file))

    @property
    def best(self) -> list[StudyTrial]:
        """The best trial at the highest epoch that was told; with several objectives the Pareto set."""
        full = max(self.definition.fidelities, default=0)
        told = [trial for trial in self.trials() if trial.status == "ok"]
        highest = max((trial.epoch or full for trial in told), default=full)
        level = [trial for trial in told if (trial.epoch or full) == highest]
        signs = [o.sign for o in self.definition.objectives]
        if len(signs) == 1:
            return [max(level, key=lambda trial: signs[0] * trial.values[0])] if level else []
        utilities = np.array([trial.values for trial in level]).reshape(-1, len(signs)) * signs
        return [trial for trial, kept in zip(level, pareto_mask(utilities).tolist(), strict=True) if kept]

    def to_frame(self) -> pd.DataFrame:
        """The trials as a data frame, the architectures as text."""
        import pandas as pd

        about = self.definition
        metrics = [o.name for o in about.objectives] + [bound.name for bound in about.bounds]
        rows = []
        for trial in self.trials():
            told = (*trial.values, *trial.constraints)
            values = dict(zip(metrics, told, strict=True)) if len(told) == len(metrics) else {}
            rows.append(
                {
                    "number": trial.number,
                    "architecture": about.space.format(trial.genotype),
                    "epoch": trial.epoch,
                    "own": trial.own,
                    "status": trial.status,
                    **{name: values.get(name, math.nan) for name in metrics},
                    "cost": trial.cost if trial.status != "running" else math.nan,
                }
            )
        return pd.DataFrame(rows)

    # -- the events ---------------------------------------------------------------------------------

    def _events(self, file: StudyFile) -> list[tuple[Any, ...]]:
        columns = "kind, wanted, number, genotype, epoch, vals, constraint_vals, cost, status"
        with file._explained("read"):
            return list(file._db.execute(f"SELECT {columns} FROM events ORDER BY position"))  # noqa: S608  literals

    def _add(
        self,
        file: StudyFile,
        kind: str,
        trial: Trial | None,
        wanted: int = 0,
        observation: Observation | None = None,
    ) -> None:
        asked = (None, None, None) if trial is None else (trial.number, json.dumps(trial.genotype), trial.epoch)
        told: tuple[Any, ...] = (None, None, None, None)
        if observation is not None:
            values, constraints = json.dumps(observation.values), json.dumps(observation.constraints)
            told = (values, constraints, observation.cost, observation.status)
        file._db.execute(
            "INSERT INTO events (kind, wanted, number, genotype, epoch, vals, constraint_vals, cost, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (kind, wanted, *asked, *told),
        )

    def _trials(self, events: list[tuple[Any, ...]]) -> list[StudyTrial]:
        trials: dict[int, StudyTrial] = {}
        for kind, _, number, genotype, epoch, values, constraints, cost, status in events:
            if kind == "tell":
                trials[number] = trials[number]._replace(
                    status=status, values=_floats(values), constraints=_floats(constraints), cost=cost
                )
            elif number is not None:
                trials[number] = StudyTrial(number, tuple(json.loads(genotype)), epoch, kind == "adopt", "running")
        return list(trials.values())

    def _replayed(self, events: list[tuple[Any, ...]]) -> Strategy:
        """The strategy after all that has happened.

        Raises:
            StrategyError: it asks for something else than it did at the time.
        """
        strategy = self._started()
        due: list[Trial] = []
        for position, (kind, wanted, number, genotype, epoch, values, constraints, cost, status) in enumerate(events):
            trial = None if number is None else Trial(number, tuple(json.loads(genotype)), epoch)
            if kind == "tell" and trial is not None:
                strategy.tell(trial, Observation(_floats(values), cost, status, _floats(constraints)))
                continue
            if kind == "adopt" and trial is not None:
                again: Trial | None = strategy.adopt(trial.genotype, trial.epoch)
            else:
                if not due:
                    due = list(strategy.ask(wanted))
                again = due.pop(0) if due else None
            if again != trial:
                raise StrategyError(
                    f"{self.path}: event {position} was {trial}, and {self.definition.strategy} now asks for {again}; "
                    "go on with the version of nasbench that the study was begun with, or begin a new one and "
                    "inject what is known"
                )
        return strategy

    def _started(self) -> Strategy:
        about = self.definition
        strategy = create(about.strategy, **about.params)
        if type(strategy).version != about.version:
            raise StrategyError(
                f"{self.path} was begun with version {about.version} of {about.strategy}, this is version "
                f"{type(strategy).version}, which asks for other architectures; begin a new study and inject "
                "what is known"
            )
        strategy.start(problem_of(about), generator("study strategy", about.to_json()))
        return strategy

    def _observation(self, values: dict[str, float], cost: float, failed: bool) -> Observation:
        about = self.definition
        names = [o.name for o in about.objectives]
        wanted = [*names, *(bound.name for bound in about.bounds)]
        if unknown := sorted(values.keys() - set(wanted)):
            raise StrategyError(f"the study has no metric {', '.join(unknown)}; it has {', '.join(wanted)}")
        if not isinstance(cost, int | float) or not 0 <= cost < math.inf:
            raise StrategyError(f"cost is a number of seconds from 0, got {cost!r}")
        if failed:
            return Observation((math.nan,) * len(names), float(cost), "failed")
        if missing := [name for name in wanted if name not in values]:
            raise StrategyError(
                f"{', '.join(missing)} is missing; tell {', '.join(wanted)}, or say that the trial failed"
            )
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise StrategyError(f"{name} must be a finite number, got {value!r}; or say that the trial failed")
        constraints = tuple(float(values[bound.name]) for bound in about.bounds)
        broken = any(bound.violation(v) > 0 for bound, v in zip(about.bounds, constraints, strict=True))
        told = tuple(float(values[name]) for name in names)
        return Observation(told, float(cost), "infeasible" if broken else "ok", constraints)

    @staticmethod
    def _running(trials: Any) -> str:
        return ", ".join(str(trial.number) for trial in trials if trial.status == "running") or "none"


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for linear algebra and torch, for a while: what is replayed must not depend on the machine's load."""
    from threadpoolctl import threadpool_limits

    import_module("scipy.linalg")  # brings its own BLAS, which must be there to be limited
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    with threadpool_limits(1):
        try:
            if torch:
                torch.set_num_threads(1)
            yield
        finally:
            if torch:
                torch.set_num_threads(threads)


def _floats(text: str) -> tuple[float, ...]:
    return tuple(map(float, json.loads(text)))
