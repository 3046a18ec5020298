"""Outside knowledge: only what is declared, charged as the protocol says, a part of the run's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import nasbench
from nasbench.errors import StrategyError
from nasbench.knowledge import sister_benchmarks
from nasbench.run import Entry
from nasbench.runner import run_key
from nasbench.strategies.baselines.random_search import RandomSearch

CIFAR10 = "nasbench201/cifar10"


def task(**changes):
    return nasbench.Task(CIFAR10, **{"evaluations": 20, **changes})


@dataclass
class Reader(RandomSearch):
    """Random search that reads what it declares, and something more on demand."""

    reads: str = "params"
    uses: ClassVar[tuple[str, ...]] = ("params",)

    def start(self, problem, rng):
        super().start(problem, rng)
        if self.reads == "sources":
            problem.knowledge.sources()
        else:
            type(self).seen = getattr(problem.knowledge, self.reads)(np.array(problem.initial(3)))


@dataclass
class SourceReader(RandomSearch):
    """Random search that looks at its sources."""

    observations: int = 150
    uses: ClassVar[tuple[str, ...]] = ("sources",)

    def start(self, problem, rng):
        super().start(problem, rng)
        type(self).seen = problem.knowledge.sources(self.observations)


@dataclass
class Spender(RandomSearch):
    """Random search that trains a supernet first, and computes something before each ask."""

    first: float = 0.0
    each: float = 0.0

    def start(self, problem, rng):
        super().start(problem, rng)
        problem.spend(self.first)

    def ask(self, n=1):
        self.problem.spend(self.each)
        return super().ask(n)


def test_params_are_the_table_s():
    nasbench.search(task(), Reader(), 0)
    bench = task().bench
    np.testing.assert_array_equal(Reader.seen, [bench.query(g, "params") for g in task().problem(0).initial(3)])


@pytest.mark.parametrize("what", ["flops", "proxies", "sources"])
def test_what_is_not_declared_is_refused(what):
    with pytest.raises(StrategyError, match="uses"):
        nasbench.search(task(), Reader(reads=what), 0)


def test_who_declares_nothing_knows_nothing():
    knowledge = task().problem(0).knowledge
    for what in ("params", "flops", "proxies"):
        with pytest.raises(StrategyError, match=what):
            getattr(knowledge, what)([(0, 0, 0, 0, 0, 0)])
    with pytest.raises(StrategyError, match="sources"):
        knowledge.sources()


def test_sources_are_a_few_single_trainings_of_the_sister_datasets():
    run = nasbench.search(task(), SourceReader(), 5)
    assert [bench.name for bench in sister_benchmarks(task())] == [s.name for s in SourceReader.seen]
    assert [s.name for s in SourceReader.seen] == ["nasbench201/cifar100", "nasbench201/imagenet16-120"]
    assert run.ledger.source_observations == 300
    for source in SourceReader.seen:
        bench = nasbench.load(source.name)
        assert len(np.unique(source.genotypes, axis=0)) == len(source.utilities) == 150
        shown = bench.column("val_accuracy")[bench.rows(source.genotypes)]
        assert (shown == source.utilities[:, None]).any(axis=1).all()
    first = SourceReader.seen[0].genotypes
    nasbench.search(task(), SourceReader(), 6)
    assert not np.array_equal(first, SourceReader.seen[0].genotypes)


def test_more_than_the_budget_of_sources_is_refused():
    with pytest.raises(StrategyError, match="200"):
        nasbench.search(task(), SourceReader(observations=201), 0)


def test_losses_are_told_with_larger_meaning_better():
    fcnet = nasbench.Task("fcnet/protein_structure", evaluations=5)
    nasbench.search(fcnet, SourceReader(), 0)
    assert len(SourceReader.seen) == 3
    assert max(source.utilities.max() for source in SourceReader.seen) < 0


def test_what_may_be_read_is_in_the_key():
    entry = Entry("x", "x", "{}", 1)
    keys = {run_key(task(), entry, 0, uses) for uses in ((), ("params",), ("sources",), ("params", "sources"))}
    assert len(keys) == 4


@pytest.mark.parametrize("workers", [1, 3])
def test_spent_seconds_delay_the_trials(workers):
    made = task(seconds=200_000.0, evaluations=None, workers=workers)
    free, paid = nasbench.search(made, Spender(), 1), nasbench.search(made, Spender(first=50_000.0), 1)
    assert paid.ledger.extra_seconds == 50_000.0
    assert free.ledger.extra_seconds == 0.0
    assert paid.trace["start"].min() == 50_000.0
    assert 0 < len(paid.trace) < len(free.trace)
    np.testing.assert_array_equal(paid.trace["row"], free.trace["row"][: len(paid.trace)])
    np.testing.assert_allclose(paid.trace["finish"], free.trace["finish"][: len(paid.trace)] + 50_000.0)
    assert paid.ledger.seconds <= 200_000.0


def test_seconds_before_each_ask_add_up():
    free, paid = nasbench.search(task(), Spender(), 1), nasbench.search(task(), Spender(each=10.0), 1)
    np.testing.assert_allclose(paid.trace["finish"], free.trace["finish"] + 10.0 * np.arange(1, 21))
    assert paid.ledger.extra_seconds == 200.0


def test_where_no_times_are_known_the_ledger_alone_shows_them():
    made = nasbench.Task("nas-bench-graph/cora", evaluations=5)
    run = nasbench.search(made, Spender(first=7.0), 0)
    assert run.ledger.extra_seconds == 7.0
    assert run.trace["start"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_only_seconds_from_zero_are_spent(seconds):
    with pytest.raises(StrategyError, match="seconds"):
        nasbench.search(task(), Spender(first=seconds), 0)


def test_the_verdict_and_the_costs_say_who_knew_more(tmp_path):
    strategies = ["random-search", "random-search-large", "replay", Spender(first=5.0)]
    result = nasbench.compare([task()], strategies, seeds=2, out=tmp_path)
    sentence = "random-search-large reads params and replay reads sources (400 evaluations of other tasks)"
    assert any(line.startswith(sentence) for line in result.verdict())
    assert any(line.startswith(sentence) for line in result.headlines())
    finals = result.to_frame().groupby("strategy").first()
    assert finals.loc["replay", ["uses", "source_observations"]].tolist() == ["sources", 400]
    assert finals["extra_seconds"].max() == 5.0
    plain = nasbench.compare([task()], ["random-search"], seeds=2, out=tmp_path)
    assert not any("reads" in line for line in plain.verdict())


def test_the_report_shows_what_else_was_spent(tmp_path):
    made = task(constraints=["params<=3e5"])
    nasbench.compare([made], ["random-search", "replay", Spender(first=5.0)], seeds=2, out=tmp_path).report()
    page = (tmp_path / "index.html").read_text()
    for head in ("infeasible", "of it extra", "sources"):
        assert f">{head}<" in page
    assert "params&lt;=300000" in page
