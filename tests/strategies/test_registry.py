"""The registry of strategies: its table is the classes on disk, and listing them costs nothing."""

import inspect
import pkgutil
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest

import nasbench.strategies as registry
from nasbench.errors import NasbenchError, StrategyError, UnknownNameError
from nasbench.strategies.base import Strategy

NAMES = sorted(registry.REGISTRY.table)


def concrete_strategies():
    """module:Class of every concrete strategy that a module of the package defines."""
    found = set()
    for module in pkgutil.walk_packages(registry.__path__, "nasbench.strategies."):
        source = import_module(module.name)
        for name, member in inspect.getmembers(source, inspect.isclass):
            defined_here = member.__module__ == source.__name__
            if defined_here and issubclass(member, Strategy) and not inspect.isabstract(member):
                found.add(f"{source.__name__}:{name}")
    return found


def test_the_table_equals_the_classes_on_disk():
    assert {target for target, _ in registry.REGISTRY.table.values()} == concrete_strategies()


def test_listing_imports_no_strategy():
    code = (
        "import sys, nasbench.strategies as s; names = s.list();"
        "print(len(names), *[m for m in sys.modules if m.startswith(('nasbench.', 'numpy', 'sklearn'))])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert int(shown[0]) >= len(NAMES)
    modules = {target.partition(":")[0] for target, _ in registry.REGISTRY.table.values()}
    assert not modules & set(shown[1:])
    assert not {"numpy", "sklearn", "nasbench.strategies.base"} & set(shown[1:])


def test_names_are_sorted_and_in_kebab_case():
    assert registry.list() == sorted(registry.list())
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in NAMES)
    assert set(NAMES) <= set(registry.list())


@pytest.mark.parametrize("name", NAMES)
class TestEachClass:
    def test_is_created_with_its_defaults(self, name):
        strategy = registry.create(name)
        assert is_dataclass(strategy)
        target, _ = registry.REGISTRY.table[name]
        assert f"{type(strategy).__module__}:{type(strategy).__name__}" == target

    def test_has_a_version(self, name):
        cls = registry.REGISTRY.get(name)
        assert type(cls.version) is int
        assert "version" in vars(cls), "raised by hand, so not inherited"

    def test_names_its_source_and_documents_its_parameters(self, name):
        cls = registry.REGISTRY.get(name)
        text = inspect.getdoc(cls)
        assert re.search(r"^Source: .*(19|20)\d\d", text, re.MULTILINE | re.DOTALL)
        documented = set(re.findall(r"^    (\w+): ", text, re.MULTILINE))
        assert {f.name for f in fields(cls) if f.init} <= documented

    def test_an_unknown_parameter_lists_those_that_exist(self, name):
        with pytest.raises(StrategyError, match="no parameter 'patience_of_a_saint'") as caught:
            registry.create(name, patience_of_a_saint=3)
        known = [f.name for f in fields(registry.REGISTRY.get(name)) if f.init]
        assert all(parameter in str(caught.value) for parameter in known)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("random_search", "random-search"),
        ("regularised-evolution", "regularized-evolution"),
        ("locals-earch", "local-search"),
        ("REINFORCE", None),
        ("banana", "bananas"),
    ],
)
def test_a_typo_names_the_nearest(typo, meant):
    with pytest.raises(UnknownNameError) as caught:
        registry.create(typo)
    assert all(name in str(caught.value) for name in NAMES)
    if meant:
        assert f"Did you mean {meant!r}?" in str(caught.value)


def test_parameters_reach_the_strategy():
    strategy = registry.create("regularized-evolution", population=20, sample=5)
    assert (strategy.population, strategy.sample) == (20, 5)


def test_its_errors_are_typed():
    assert issubclass(UnknownNameError, NasbenchError)
    assert issubclass(StrategyError, NasbenchError)
