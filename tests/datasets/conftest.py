"""Homes for the tests of importers: an empty one a test, and one a module that shares the conversions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nasbench.cli import app
from nasbench.errors import NasbenchError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty NASBENCH_HOME of the test's own: nothing is converted yet."""
    monkeypatch.setenv("NASBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A NASBENCH_HOME for modules that read packaged tables: converted once a session."""
    folder = tmp_path_factory.mktemp("home")
    cache = Path(os.environ["NASBENCH_HOME"]).absolute() / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (folder / "cache").symlink_to(cache, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def mirror() -> Callable[[str], Path]:
    """Finds a real official file by a pattern `owner/repo/*/path` in the folder of test data.

    The folder is NASBENCH_TEST_DATA, by default `shared/data` beside the checkout. No file of it is
    part of the project: a test that needs one is skipped where it is absent.
    """
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("NASBENCH_TEST_DATA", default)) / "mirror"

    def find(pattern: str) -> Path:
        found = sorted(root.glob(pattern)) if root.is_dir() else []
        if not found:
            pytest.skip(f"no official file {pattern} here; set NASBENCH_TEST_DATA to a folder that has mirror/")
        return found[-1]

    return find


@pytest.fixture
def compares(tmp_path: Path) -> Callable[..., bool]:
    """Whether `nasbench compare` runs to its end on some tasks (in this process: workers keep their home)."""

    def run(tasks: str, *more: str) -> bool:
        out = CliRunner().invoke(
            app,
            ["compare", "--tasks", tasks, "--strategies", "random-search,regularized-evolution,local-search", "--seeds",
             "3", "--evaluations", "30", "--jobs", "1", "--no-report", "--out", str(tmp_path / "compared"), *more],
        )  # fmt: skip
        if isinstance(out.exception, NasbenchError):
            raise out.exception
        return out.exit_code == 0

    return run
