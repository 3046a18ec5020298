from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty NASBENCH_HOME of the test's own."""
    monkeypatch.setenv("NASBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def conversions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the packaged tables are converted once a session."""
    return tmp_path_factory.mktemp("conversions")


@pytest.fixture(scope="module")
def shared_home(conversions: Path) -> Iterator[Path]:
    """A NASBENCH_HOME for modules that read packaged tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(conversions))
        yield conversions
