"""What the tests of the engine share: the command line in this process."""

from __future__ import annotations

import sys

import pytest

from nasbench import cli


@pytest.fixture
def nasbench(monkeypatch, capsys, tmp_path):
    """Runs the command in this process, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["nasbench", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call
