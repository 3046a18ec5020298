"""What is imported when: quick starts, and every module without its optional parts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import nasbench

HEAVY = ("sklearn", "scipy", "pandas", "altair", "xgboost", "torch", "matplotlib", "vl_convert", "joblib", "rich.live")
ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"nasbench": "nasbench", "predictors": "nasbench.predictors", "strategies": "nasbench.strategies",
           "datasets": "nasbench.datasets"}  # fmt: skip


def loaded_after(code):
    """Which of the heavy packages a new interpreter has loaded after some code."""
    report = f"import json, sys\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    out = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "import nasbench",
        "import nasbench; dir(nasbench); nasbench.__version__",
        "import nasbench.cli",
        "import sys; sys.argv = ['nasbench', '--help']; import nasbench.cli\n"
        "try: nasbench.cli.main()\nexcept SystemExit: pass",
        "import nasbench; b = nasbench.load('nasbench201/cifar10'); b.query((4, 2, 1, 2, 1, 1), 'val_accuracy')",
        "import nasbench; nasbench.Task; nasbench.search; nasbench.compare; nasbench.compare_predictors; "
        "nasbench.strategies.list()",
        "import nasbench\nt = nasbench.Task('nasbench201/cifar10', evaluations=20)\n"
        "for name in ('random-search', 'regularized-evolution', 'local-search', 'reinforce'): nasbench.search(t, name)",
    ],
)
def test_the_quick_paths_load_nothing_heavy(code):
    assert loaded_after(code) == []


def test_public_names_exist_and_unknown_ones_are_attribute_errors():
    for name in nasbench.__all__:
        assert getattr(nasbench, name) is not None
    assert set(nasbench.__all__) <= set(dir(nasbench))
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = nasbench.serach


def test_no_module_is_named_after_a_public_function():
    """A module `compare.py` would shadow `nasbench.compare`."""
    names = {path.stem for path in Path(nasbench.__file__).parent.glob("*.py")}
    assert not names & {"compare", "load", "search"}


IMPORT_ALL = """
import importlib, json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in OPTIONAL:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

OPTIONAL = {"torch", "torchvision", "pyarrow", "lightgbm", "optuna", "nevergrad", "distributed", "dask", "ray"}
sys.meta_path.insert(0, Absent())
failed = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps(failed))
"""


PARTS = {
    "nasbench.predictors.graph_autoencoder",
    "nasbench.predictors.graph_batch",
    "nasbench.predictors.graph_networks",
    "nasbench.predictors.network_ensemble",
    "nasbench.predictors.network_layers",
    "nasbench.predictors.ranking_losses",
    "nasbench.predictors.sequence_networks",
    "nasbench.strategies.foreign.optuna_study",
    "nasbench.strategies.reinforcement.controller",
    "nasbench.strategies.reinforcement.policy_search",
}
"""Parts of listed modules (as of `graph_regressors`) that need their extra; any other importer of them would fail."""


def modules():
    """Dotted name of every Python file of the four folders."""
    found = []
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder).with_suffix("").parts
            found.append(".".join([package, *(part for part in inside if part != "__init__")]))
    return found


@pytest.fixture(scope="module")
def optional():
    """Modules that a registry lists under an extra, and those that are parts of one."""
    from nasbench.predictors import REGISTRY as predictors
    from nasbench.strategies import REGISTRY as strategies

    rows = [*strategies.table.values(), *predictors.table.values()]
    return {target.partition(":")[0] for target, extra in rows if extra is not None} | PARTS


@pytest.mark.skipif(not (ROOT / "strategies" / "base.py").is_file(), reason="needs the checkout")
def test_every_module_is_in_the_package_and_imports_without_optional_parts(optional):
    names = modules()
    assert len(names) == len(set(names)) > 60
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL, json.dumps(names)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    failed = json.loads(done.stdout.splitlines()[-1])
    assert {name: why for name, why in failed.items() if name not in optional} == {}
