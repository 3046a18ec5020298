"""The four folders install as one package, all of it, and the documentation says what is true."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "nasbench": "nasbench",
    "predictors": "nasbench.predictors",
    "strategies": "nasbench.strategies",
    "datasets": "nasbench.datasets",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


OPTIONAL = {"lightgbm", "nevergrad", "ngboost", "optuna", "torch"}
"""Libraries of extras that a module may import when it is imported."""


def imported(name: str) -> ModuleType | None:
    """The module; None where it needs an extra that is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        return None


def modules() -> list[str]:
    """Every module of the four folders by its installed name."""
    names = []
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            names.append(".".join([package, *(part for part in parts if part != "__init__")]))
    return names


def test_every_folder_with_code_is_packaged():
    packages = {
        ".".join([package, *path.parent.relative_to(ROOT / folder).parts])
        for folder, package in FOLDERS.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {package: folder for folder, package in FOLDERS.items()}


@pytest.mark.parametrize("name", modules())
def test_module_imports_from_the_one_package_and_says_what_it_is(name):
    module = imported(name)
    if module is None:
        pytest.skip(f"{name} needs an extra that is not installed")
    assert module.__doc__, f"{name} has no docstring"
    assert module.__name__ == name


def test_a_module_is_not_named_after_a_public_function():
    import nasbench

    top = {path.stem for path in (ROOT / "nasbench").glob("*.py")}
    assert not top & set(nasbench.__all__)


def test_doctests_hold():
    tried = 0
    for name in modules():
        if (module := imported(name)) is None:
            continue
        results = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
        assert results.failed == 0, name
        tried += results.attempted
    assert tried > 3


def test_the_readme_example_prints_what_it_shows():
    blocks = re.findall(r"```(\w*)\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    position = next(i for i, (language, _) in enumerate(blocks) if language == "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks[position][1], "README.md", "exec"), {})
    assert printed.getvalue() == blocks[position + 1][1]


def test_the_readme_names_every_strategy_and_benchmark():
    import nasbench
    from nasbench.datasets.families import FAMILIES

    text = (ROOT / "README.md").read_text()
    assert all(f"`{name}`" in text for name in nasbench.strategies.list())
    assert all(f"`{name}/...`" in text for name in FAMILIES)
    assert all(dataset in text for family in FAMILIES.values() for dataset in family.datasets)


def test_torch_is_pinned_alike_in_the_readme_and_the_constraints():
    pinned = re.search(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.M)
    assert pinned is not None
    for page in ("README.md", "CONTRIBUTING.md"):
        assert f"torch=={pinned[1]}" in (ROOT / page).read_text()
