"""Homes for the tests of importers: an empty one a test, and one a module that shares the conversions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

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


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder, except where the test says how a path misbehaves."""

    server: Loopback

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        for suffix, misbehave in self.server.faults.items():
            if self.path.endswith(suffix) and misbehave(self):
                return
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


class Loopback(ThreadingHTTPServer):
    """A server on the loopback interface.

    Attributes:
        requested: the paths that were asked for, in order.
        faults: end of a path -> what to do instead of serving it; returns whether it answered.
        address: to set NASBENCH_MIRROR to.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
        self.requested: list[str] = []
        self.faults: dict[str, Callable[[_Handler], bool]] = {}
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """The published files over HTTP; `fetch` gets them from there, without waiting before a new try."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with Loopback(mirror) as loopback:
        monkeypatch.setenv("NASBENCH_MIRROR", loopback.address)
        thread = Thread(target=loopback.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield loopback
        loopback.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def fetched_home(shared_home: Path, mirror: Path) -> Path:
    """A home with every add-on of the catalog, fetched from the folder of published files."""
    from nasbench.datasets.catalog import catalog
    from nasbench.datasets.fetch import fetch

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_MIRROR", str(mirror))
        for name in catalog():
            fetch(name)
    return shared_home


@pytest.fixture(scope="session")
def official_file(mirror: Path) -> Callable[[str], Path]:
    """Finds a real official file by a pattern `owner/repo/*/path` in the folder of test data."""

    def find(pattern: str) -> Path:
        found = sorted(mirror.glob(pattern))
        if not found:
            pytest.skip(f"no official file {pattern} in {mirror}")
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
