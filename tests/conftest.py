"""What the tests share: a home folder of their own, small tables made on the spot, a scripted strategy."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import ArrayLike

from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Observation, Problem, Trial
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.space import SearchSpace
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.base import Strategy
from nasbench.table_file import write_table

_HOME = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Without NASBENCH_HOME, one temporary home for the session; xdist's workers inherit it."""
    if "NASBENCH_HOME" not in os.environ:
        config.stash[_HOME] = os.environ["NASBENCH_HOME"] = tempfile.mkdtemp(prefix="nasbench-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that made the home removes it."""
    home = config.stash.get(_HOME, None)
    if home is not None:
        del os.environ["NASBENCH_HOME"]
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for one test, which shares the session's converted packages."""
    private = tmp_path / "home"
    (private / "tables").mkdir(parents=True)
    cache = Path(os.environ["NASBENCH_HOME"]).absolute() / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (private / "cache").symlink_to(cache, target_is_directory=True)
    monkeypatch.setenv("NASBENCH_HOME", str(private))
    return private


def column(values: ArrayLike, direction: str = "maximize", split: str = "valid", epochs: Sequence[int] = ()) -> Column:
    """A column of a small table; `split="cost"` ones are seconds that should be small."""
    unit = "s" if split == "cost" else "%"
    direction = "minimize" if split == "cost" else direction
    return Column(np.asarray(values, dtype=float), direction, unit, split, epochs=tuple(epochs))


def protocol(
    name: str = "full",
    epochs: int | None = None,
    final: Mapping[str, Column] | None = None,
    cost: Mapping[str, Column] | None = None,
    curve: Mapping[str, Column] | None = None,
) -> Protocol:
    """A training recipe of a small table."""
    return Protocol(name, epochs, {}, dict(final or {}), dict(curve or {}), dict(cost or {}))


@pytest.fixture
def make_column() -> Callable[..., Column]:
    """`column`, for test modules, which cannot import one another."""
    return column


@pytest.fixture
def make_protocol() -> Callable[..., Protocol]:
    """`protocol`, for test modules."""
    return protocol


@pytest.fixture
def make_table(home: Path) -> Callable[..., str]:
    """Writes a small table into the test's home and returns the name of its benchmark."""

    def make(
        *protocols: Protocol,
        name: str = "toy",
        space: SearchSpace | None = None,
        rows: ArrayLike | None = None,
        canonical: ArrayLike | None = None,
        objective: str = "val_accuracy",
    ) -> str:
        if space is None:
            space = GridSpace([Parameter(f"op{i}", ("a", "b", "c", "d")) for i in range(3)])
        genotypes = space.all() if rows is None else np.asarray(rows)
        data = TableData(
            name=name,
            title="a small table",
            licence="none",
            citation="none",
            sources=(),
            space_kind=space.kind,
            space_definition=space.definition(),
            space_sha256=space.sha256,
            complete=rows is None,
            genotypes=genotypes,
            source_ids=np.array([f"id{i}".encode() for i in range(len(genotypes))]),
            canonical=np.arange(len(genotypes)) if canonical is None else np.asarray(canonical),
            datasets={"default": Dataset(objective, {p.name: p for p in protocols})},
        )
        write_table(home / "tables" / f"{name}.h5", data, "the tests")
        return f"{name}/default"

    return make


@dataclass
class Scripted(Strategy):
    """Asks what it is given, in order; remembers what it is told in `log`.

    Args:
        genotypes: architectures, one a trial.
        epochs: one a trial; all None by default.
        numbers: one a trial; counted from 0 by default.
        surplus: how many trials more than asked for to return.
        fail_at: number of the trial at whose `tell` to raise an error; -1 for none.
        forever: whether to begin anew at the end.
    """

    genotypes: Any = ()
    epochs: Any = ()
    numbers: Any = ()
    surplus: int = 0
    fail_at: int = -1
    forever: bool = False

    max_objectives: ClassVar[int | None] = None
    log: ClassVar[list[tuple[Trial, Observation]]] = []
    problems: ClassVar[list[Problem]] = []

    position: int = field(init=False, repr=False, compare=False, default=0)

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        super().start(problem, rng)
        self.position = 0
        self.log.clear()
        self.problems[:] = [problem]

    def ask(self, n: int = 1) -> list[Trial]:
        trials = []
        while len(trials) < n + self.surplus:
            if self.position >= len(self.genotypes) and not self.forever:
                break
            place = self.position % len(self.genotypes)
            number = self.numbers[place] if self.numbers else self.position
            trials.append(Trial(number, self.genotypes[place], self.epochs[place] if self.epochs else None))
            self.position += 1
        return trials

    def tell(self, trial: Trial, observation: Observation) -> None:
        self.log.append((trial, observation))
        if trial.number == self.fail_at:
            raise StrategyError("this strategy fails on purpose")


@pytest.fixture
def scripted() -> type[Scripted]:
    """The scripted strategy's class."""
    return Scripted


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder of published files, laid out as raw.githubusercontent.com serves them; skips where there is none."""
    data = Path(os.environ.get("NASBENCH_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (data / "mirror").is_dir():
        pytest.skip(f"no published files at {data / 'mirror'}; set NASBENCH_TEST_DATA to the folder that has `mirror`")
    return data / "mirror"
