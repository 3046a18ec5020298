"""Anybody's CSV as a table, and every way in which a CSV can be no table."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench.datasets.importers import csv_records
from nasbench.datasets.importers.csv_table import read_csv
from nasbench.datasets.readers import delimited
from nasbench.errors import ImportFileError, NasbenchError, TableError, UnknownNameError, UnsafeFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces import from_definition

ACCURACY = "val_accuracy:max:valid:%"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes, name: str = "mine.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def dataset(data: TableData) -> Dataset:
    assert list(data.datasets) == ["default"]
    return data.datasets["default"]


def recipe(data: TableData) -> Protocol:
    (only,) = dataset(data).protocols.values()
    return only


def column(data: TableData, metric: str) -> Column:
    return {**recipe(data).final, **recipe(data).cost}[metric]


def choices(data: TableData) -> dict[str, tuple[object, ...]]:
    space = from_definition(data.space_kind, data.space_definition)
    assert space.sha256 == data.space_sha256
    return {p.name: p.choices for p in space.parameters}


WIDE = """width,act,val_accuracy,test_accuracy,params,note
16,relu,91.5,91.0,1600,a
8,tanh,80.25,79.5,810,b
16,tanh,90,89,1610,c
8,relu,,81,800,d
"""


# -- wide files --------------------------------------------------------------------------------------


def test_a_wide_file(write) -> None:
    path = write(WIDE)
    data = read_csv(path, "mine", ["width", "act"], [ACCURACY, "test_accuracy:max:test:%", "params:min:cost"])
    assert choices(data) == {"width": (8, 16), "act": ("relu", "tanh")}
    assert data.complete
    assert data.genotypes.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    np.testing.assert_array_equal(column(data, "val_accuracy").values, [[np.nan], [80.25], [91.5], [90.0]])
    np.testing.assert_array_equal(column(data, "test_accuracy").values[:, 0], [81, 79.5, 91, 89])
    np.testing.assert_array_equal(column(data, "params").values, [800, 810, 1600, 1610])
    accuracy = column(data, "val_accuracy")
    assert (accuracy.direction, accuracy.unit, accuracy.split) == ("maximize", "%", "valid")
    assert dataset(data).objective == "val_accuracy"
    assert dataset(data).noise_floor is None
    assert (recipe(data).name, recipe(data).epochs, recipe(data).curve) == ("full", None, {})
    assert data.source_ids.tolist()[1] == b"width=8,act=tanh"
    assert data.canonical.tolist() == [0, 1, 2, 3]


def test_provenance_is_the_file_and_what_the_user_says(write) -> None:
    path = write(WIDE)
    data = read_csv(path, "mine", ["width", "act"], [ACCURACY])
    (source,) = data.sources
    assert source["name"] == "mine.csv"
    assert source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.licence == data.citation == "unknown: as given by the importer"
    said = read_csv(path, "mine", ["width", "act"], [ACCURACY], title="T", licence="MIT", citation="Me, 2024")
    assert (said.title, said.licence, said.citation) == ("T", "MIT", "Me, 2024")


def test_an_incomplete_grid_is_a_partial_table(write) -> None:
    data = read_csv(write("\n".join(WIDE.splitlines()[:4])), "mine", ["width", "act"], [ACCURACY])
    assert not data.complete
    assert data.genotypes.tolist() == [[0, 1], [1, 0], [1, 1]]


def test_columns_a_training_run(write) -> None:
    text = "w,acc.0,acc.1,acc.2,params\n2,1,2,3,7\n1,4,,6,8\n"
    data = read_csv(write(text), "mine", ["w"], ["val_accuracy=acc:max:valid", "params:min:cost"])
    np.testing.assert_array_equal(column(data, "val_accuracy").values, [[4, np.nan, 6], [1, 2, 3]])
    np.testing.assert_array_equal(column(data, "params").values, [8, 7])
    # pooled variances of (4, 6) and (1, 2, 3) are 2 and 1; 2.5 runs on average
    assert dataset(data).noise_floor == pytest.approx((1.5 / 2.5) ** 0.5)


def test_epochs_of_a_wide_file_may_be_said(write) -> None:
    data = read_csv(
        write("w,a,train_seconds\n1,2,3\n2,3,4\n"), "mine", ["w"], ["a:max:valid", "train_seconds:min:cost"],
        epochs=90,
    )  # fmt: skip
    assert (recipe(data).name, recipe(data).epochs) == ("90", 90)
    assert recipe(data).time_model == {"train_seconds": "90 epochs"}


# -- long files --------------------------------------------------------------------------------------


def long_text(records: list[tuple[object, ...]]) -> str:
    return "w,epoch,repeat,acc,loss,train_seconds,params\n" + "\n".join(",".join(map(str, r)) for r in records)


FULL = [
    (w, epoch, run, 10 * w + epoch + run / 10, "" if epoch == 1 else w, epoch * w, 100 * w)
    for w in (2, 1)
    for run in (777, 888, 999)
    for epoch in (12, 1, 4)
]
LONG_METRICS = ["acc:max:valid:%", "loss:min:train", "train_seconds:min:cost", "params:min:cost"]


def test_curves_and_training_runs(write) -> None:
    data = read_csv(write(long_text(FULL)), "mine", ["w"], LONG_METRICS)
    runs = (777, 888, 999)
    expected = np.array([[[10 * w + e + r / 10 for e in (1, 4, 12)] for r in runs] for w in (1, 2)])
    np.testing.assert_array_equal(column(data, "acc").values, expected[:, :, 2])
    curves = recipe(data).curve
    assert curves["acc"].epochs == (1, 4, 12)
    np.testing.assert_array_equal(curves["acc"].values, expected)
    assert curves["loss"].epochs == (4, 12)
    np.testing.assert_array_equal(curves["train_seconds"].values[1, 0], [2, 8, 24])
    np.testing.assert_array_equal(column(data, "train_seconds").values, [12, 24])
    assert "params" not in curves
    assert (recipe(data).epochs, dataset(data).objective) == (12, "acc")
    assert "777, 888, 999" in column(data, "acc").description


def test_the_largest_epoch_of_the_file_is_the_final_value(write) -> None:
    """An architecture whose training stopped before has no final value: nothing is carried over."""
    short = [r for r in FULL if not (r[0] == 1 and r[1] == 12 and r[2] == 999)]
    data = read_csv(write(long_text(short)), "mine", ["w"], LONG_METRICS)
    assert np.isnan(column(data, "acc").values).tolist() == [[False, False, True], [False] * 3]
    assert not np.isnan(recipe(data).curve["acc"].values[0, 2, 1])


def test_the_order_of_the_records_does_not_matter(write) -> None:
    shuffled = list(FULL)
    random.Random(4).shuffle(shuffled)
    one = read_csv(write(long_text(FULL)), "mine", ["w"], LONG_METRICS)
    two = read_csv(write(long_text(shuffled), "other.csv"), "mine", ["w"], LONG_METRICS)
    np.testing.assert_array_equal(one.genotypes, two.genotypes)
    for metric in ("acc", "loss", "train_seconds", "params"):
        np.testing.assert_array_equal(column(one, metric).values, column(two, metric).values)


def test_repeat_alone_makes_no_curves(write) -> None:
    data = read_csv(write("w,repeat,a\n1,0,5\n1,1,6\n2,1,7\n"), "mine", ["w"], ["a:max:valid"])
    np.testing.assert_array_equal(column(data, "a").values, [[5, 6], [np.nan, 7]])
    assert recipe(data).curve == {}
    assert recipe(data).epochs is None


# -- choices -----------------------------------------------------------------------------------------


def space_of(write, cells: list[str]) -> tuple[tuple[object, ...], bool]:
    text = "x,a\n" + "\n".join(f'"{cell}",{i}' for i, cell in enumerate(cells))
    space = from_definition("grid", read_csv(write(text), "mine", ["x"], ["a:max:valid"]).space_definition)
    return space.parameters[0].choices, space.parameters[0].ordered


@pytest.mark.parametrize(
    ("cells", "expected", "ordered"),
    [
        (["16", "8", "128"], (8, 16, 128), True),
        (["0.1", "1e-3", "1"], (0.001, 0.1, 1.0), True),
        (["8.0", "16.0"], (8, 16), True),
        (["+2", "-3", "1e1"], (-3, 2, 10), True),
        (["0010", "0001"], (1, 10), True),
        (["9007199254740993", "9007199254740992"], (9007199254740992, 9007199254740993), True),
        (["relu", "gelu", "Tanh"], ("Tanh", "gelu", "relu"), False),
        (["8", "16", "auto"], ("16", "8", "auto"), False),
        (["1_000", "2"], ("1_000", "2"), False),
        (["True", "False"], ("False", "True"), False),
        (["none", "skip"], ("none", "skip"), False),
        (["NA", "null"], ("NA", "null"), False),
    ],
)  # fmt: skip
def test_what_the_choices_are(write, cells, expected, ordered) -> None:
    found, is_ordered = space_of(write, cells)
    assert (found, is_ordered) == (expected, ordered)
    assert [type(c) for c in found] == [type(c) for c in expected]


def test_two_spellings_of_a_number_are_one_choice(write) -> None:
    with pytest.raises(ImportFileError, match=r"line 3: the same architecture as line 2"):
        read_csv(write("x,a\n8,1\n8.0,2\n"), "mine", ["x"], ["a:max:valid"])


@pytest.mark.parametrize("cell", ["nan", "NA", "null", "inf", "-Infinity"])
def test_a_gap_among_numbers_is_no_choice(write, cell: str) -> None:
    with pytest.raises(ImportFileError, match=rf"line 4, column 'x': '{cell}' among numbers"):
        space_of(write, ["1", "2", cell])


def test_an_empty_choice(write) -> None:
    with pytest.raises(ImportFileError, match=r"line 3, column 'x': an architecture needs every choice"):
        space_of(write, ["relu", " "])


def test_a_choice_with_a_comma_cannot_be_written_as_text(write) -> None:
    with pytest.raises(ImportFileError, match=r"line 3, column 'x': .*read back"):
        space_of(write, ["a", "(0, 1)"])


# -- metrics -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["", " ", "NaN", "nan", "NA", "null", "None", "n/a"])
def test_gaps_become_nan(write, cell: str) -> None:
    data = read_csv(write(f"x,a\n1,{cell}\n2,3\n"), "mine", ["x"], ["a:max:valid"])
    np.testing.assert_array_equal(column(data, "a").values, [[np.nan], [3]])


@pytest.mark.parametrize("cell", ["high", "inf", "-inf", "1e999", "1_0", "0x10", "12%", "--", "٣"])
def test_a_metric_that_is_no_finite_number(write, cell: str) -> None:
    with pytest.raises(ImportFileError, match=rf"mine\.csv, line 3, column 'a': '{cell}' is no finite number"):
        read_csv(write(f"x,a\n1,2\n2,{cell}\n"), "mine", ["x"], ["a:max:valid"])


def test_a_decimal_comma_is_named(write) -> None:
    with pytest.raises(ImportFileError, match=r"line 2, column 'a': '93,5' has a decimal comma"):
        read_csv(write("x;a\n1;93,5\n"), "mine", ["x"], ["a:max:valid"])


def test_a_metric_without_numbers(write) -> None:
    with pytest.raises(ImportFileError, match=r"column 'a' holds no number"):
        read_csv(write("x,a\n1,\n2,nan\n"), "mine", ["x"], ["a:max:valid"])
    with pytest.raises(ImportFileError, match=r"column 'a' holds no number at the largest epoch, 2"):
        read_csv(write("x,epoch,a\n1,1,5\n1,2,\n"), "mine", ["x"], ["a:max:valid"])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_numbers_are_kept_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    path.write_text("x,a\n" + "\n".join(f"{i},{value!r}" for i, value in enumerate(values)))
    data = read_csv(path, "mine", ["x"], ["a:max:valid"])
    assert column(data, "a").values[:, 0].tobytes() == np.array(values).tobytes()


# -- the primary objective -----------------------------------------------------------------------------

THREE = "x,a,b,c,d\n1,2,3,4,5\n2,3,4,5,6\n"


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["a:max:test", "b:max:valid", "c:max:valid"], "b"),
        (["a:max:test", "b:max:train", "c:min:cost"], "b"),
        (["a:min:cost", "b:max:test"], "b"),
        (["a:min:cost"], "a"),
    ],
)
def test_the_default_objective(write, metrics: list[str], expected: str) -> None:
    assert dataset(read_csv(write(THREE), "mine", ["x"], metrics)).objective == expected


def test_a_chosen_objective(write) -> None:
    metrics = ["a:max:test", "b:max:valid", "c:max:valid"]
    assert dataset(read_csv(write(THREE), "mine", ["x"], metrics, "c")).objective == "c"
    with pytest.raises(ImportFileError, match=r"a is a test metric"):
        read_csv(write(THREE), "mine", ["x"], metrics, "a")
    with pytest.raises(UnknownNameError, match=r"objective 'val'"):
        read_csv(write(THREE), "mine", ["x"], metrics, "val")
    assert dataset(read_csv(write(THREE), "mine", ["x"], ["a:min:cost", "b:max:test"], "a")).objective == "a"


# -- the file ----------------------------------------------------------------------------------------


def read_wide(path: Path) -> TableData:
    return read_csv(path, "mine", ["width", "act"], [ACCURACY])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace(",", " , "),
        lambda text: text.rstrip("\n"),
        lambda text: "\n" + text.replace("\n", "\n\n"),
        lambda text: "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()),
        lambda text: text.replace(",a\n", ',"two\nlines, and ""more"""\n'),
    ],
    ids=["bom", "crlf", "cr", "semicolon", "tab", "blanks", "no end", "blank lines", "quoted", "quoted lines"],
)
def test_dialects(write, change) -> None:
    plain, other = read_wide(write(WIDE)), read_wide(write(change(WIDE), "other.csv"))
    assert plain.space_sha256 == other.space_sha256
    np.testing.assert_array_equal(column(plain, "val_accuracy").values, column(other, "val_accuracy").values)


def test_gzip_is_known_by_its_contents(write) -> None:
    packed = write(gzip.compress(WIDE.encode(), mtime=0), "mine.csv.gz")
    data = read_wide(packed)
    np.testing.assert_array_equal(
        column(data, "val_accuracy").values, column(read_wide(write(WIDE)), "val_accuracy").values
    )
    assert data.sources[0]["sha256"] == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_a_gzip_that_is_cut_or_swells(write, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(WIDE.encode())
    with pytest.raises(ImportFileError, match=r"damaged gzip"):
        read_wide(write(packed[:-20], "cut.gz"))
    bomb = write(gzip.compress(b"x,a\n" + b"1,2\n" * 100_000), "bomb.gz")
    with pytest.raises(UnsafeFileError, match=r"more than the 10,000 bytes"):
        delimited.DelimitedFile(bomb, max_bytes=10_000)


def test_a_file_that_is_too_large(write) -> None:
    with pytest.raises(UnsafeFileError, match=r"more than the 20 bytes"):
        delimited.DelimitedFile(write(WIDE), max_bytes=20)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("\ufeff", "is empty"),
        ("width,act,val_accuracy\n", "has a header but no records"),
        ("width,act,val_accuracy,act\n1,2,3,4\n", "line 1: the column 'act' is there twice"),
        ("width,act,val_accuracy,\n1,2,3,4\n", "line 1: a column has no name"),
        ("width,act,val_accuracy\n1,a,3\n2,a\n", "line 3: 2 fields, but the header names 3 columns"),
        ("width,act,val_accuracy\n1,a,3\n\n2,a,4,5\n", "line 4: 4 fields, but the header names 3 columns"),
        ('width,act,val_accuracy\n1,"a\nb",3\n2,c\n', "line 4: 2 fields"),
        ('width,act,val_accuracy\n1,"a,3\n2,c,4\n', "line 2: unexpected end of data"),
        ('width,act,val_accuracy\n1,"a"b,3\n', "line 2: ',' expected after '\"'"),
        (WIDE.encode("utf-16"), "no UTF-8 text"),
        (WIDE.replace("relu", "relü").encode("latin-1"), "line 2: no UTF-8 text"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", "no UTF-8 text"),
    ],
)
def test_files_that_are_no_tables(write, content, message: str) -> None:
    with pytest.raises(ImportFileError, match=message.replace("(", r"\(")) as caught:
        read_wide(write(content))
    assert "mine.csv" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(ImportFileError, match=r"cannot be read"):
            read_wide(path)


# -- columns -----------------------------------------------------------------------------------------


def test_unknown_columns_name_the_nearest(write) -> None:
    with pytest.raises(UnknownNameError, match=r"'widht'\. Did you mean 'width'"):
        read_csv(write(WIDE), "mine", ["widht", "act"], [ACCURACY])
    with pytest.raises(UnknownNameError, match=r"'val_acuracy'\. Did you mean 'val_accuracy'"):
        read_csv(write(WIDE), "mine", ["width", "act"], ["val_acuracy:max:valid"])
    with pytest.raises(UnknownNameError, match=r"'id'"):
        read_csv(write(WIDE), "mine", ["width", "act"], [ACCURACY], id_column="id")


@pytest.mark.parametrize("name", ["epoch", "repeat"])
def test_keys_are_no_space_columns_and_no_metrics(write, name: str) -> None:
    text = f"{name},w,a\n1,2,3\n2,2,4\n"
    with pytest.raises(ImportFileError, match=rf"'{name}' tells the records of one architecture apart"):
        read_csv(write(text), "mine", ["w", name], ["a:max:valid"])
    with pytest.raises(ImportFileError, match=rf"'{name}' tells records apart, so it is no metric"):
        read_csv(write(text), "mine", ["w"], [f"x={name}:max:valid"])


@pytest.mark.parametrize(
    ("space", "metrics", "message"),
    [
        ([], [ACCURACY], "which columns make an architecture"),
        (["width", "act"], [], "at least one metric"),
        (["width", "width"], [ACCURACY], "'width' is given twice"),
        (["width", "act"], [ACCURACY, ACCURACY], "'val_accuracy' is given twice"),
        (["width", "val_accuracy"], [ACCURACY], "both as a space column and as a metric"),
    ],
)
def test_columns_that_contradict_each_other(write, space, metrics, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        read_csv(write(WIDE), "mine", space, metrics)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("w,a.0,a.2", "numbered 0, 1, 2, ...; there are a.0, a.2"),
        ("w,a.1,a.2", "there are a.1, a.2"),
        ("w,a.00,a.1", "there are a.0, a.1"),
        ("w,a.0,repeat", "both a column 'repeat' and columns a.0"),
    ],
)
def test_training_runs_that_are_misnumbered(write, header: str, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        read_csv(write(header + "\n" + "1,2,3\n"), "mine", ["w"], ["a:max:valid"])


def test_one_name_may_be_given_without_a_list(write) -> None:
    data = read_csv(write("w,a\n1,2\n2,3\n"), "mine", "w", "a:max:valid")
    assert data.genotypes.tolist() == [[0], [1]]


@pytest.mark.parametrize("name", ["", "A", "a/b", "../a", "a..b", ".a", "a+b", "a b", "nasbench201", "a" * 65, "é"])
def test_names_that_no_table_may_have(write, name: str) -> None:
    with pytest.raises(TableError, match=r"cannot name a table|packaged"):
        read_csv(write(WIDE), name, ["width", "act"], [ACCURACY])


# -- records -----------------------------------------------------------------------------------------


def test_a_repeated_record_names_both_lines(write) -> None:
    text = "w,act,a\n1,x,2\n2,x,3\n\n1,y,4\n1,x,5\n2,x,6\n"
    with pytest.raises(ImportFileError, match=r"line 6: the same architecture as line 2.*column 'repeat'"):
        read_csv(write(text), "mine", ["w", "act"], ["a:max:valid"])
    keyed = "w,epoch,repeat,a\n1,1,0,2\n1,2,0,3\n1,1,1,4\n1,2,0,5\n"
    with pytest.raises(ImportFileError, match=r"line 5: the same architecture and epoch and repeat as line 3"):
        read_csv(write(keyed), "mine", ["w"], ["a:max:valid"])


@pytest.mark.parametrize("cell", ["0", "-1", "1.5", "", "nan", "last", "1e99", str(2**31)])
def test_epochs_count_from_one(write, cell: str) -> None:
    with pytest.raises(ImportFileError, match=r"line 3, column 'epoch': .* is no whole number from 1"):
        read_csv(write(f"w,epoch,a\n1,2,3\n1,{cell},4\n"), "mine", ["w"], ["a:max:valid"])


@pytest.mark.parametrize("cell", ["-1", "0.5", "", "first"])
def test_training_runs_are_whole_numbers(write, cell: str) -> None:
    with pytest.raises(ImportFileError, match=r"line 2, column 'repeat': .* is no whole number from 0"):
        read_csv(write(f"w,repeat,a\n1,{cell},4\n"), "mine", ["w"], ["a:max:valid"])


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True, "12"])
def test_epochs_that_are_said_wrongly(write, epochs) -> None:
    with pytest.raises(ImportFileError, match=r"epochs must be a positive integer"):
        read_csv(write(WIDE), "mine", ["width", "act"], [ACCURACY], epochs=epochs)


def test_epochs_said_twice(write) -> None:
    with pytest.raises(ImportFileError, match=r"leave out epochs"):
        read_csv(write("w,epoch,a\n1,2,3\n"), "mine", ["w"], ["a:max:valid"], epochs=2)


def test_a_grid_that_would_fill_the_memory(write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds that are numbered over the whole file make a grid that is nearly empty."""
    count = 6_000
    text = "w,repeat,a\n" + "\n".join(f"{i},{i},{i}" for i in range(count))
    with pytest.raises(ImportFileError, match=r"36,000,000 cells for 6,000 records; number the runs"):
        read_csv(write(text), "mine", ["w"], ["a:max:valid"])
    monkeypatch.setattr(csv_records, "MAX_CELLS", 3)
    with pytest.raises(ImportFileError, match=r"4 cells for 4 records"):
        read_wide(write(WIDE))


def test_seconds_count_from_the_start_of_the_training(write) -> None:
    metrics = ["a:max:valid", "train_seconds:min:cost"]
    text = "w,epoch,a,train_seconds\n1,1,5,10\n1,2,5,11\n2,1,5,10\n2,2,5,9\n"
    with pytest.raises(ImportFileError, match=r"line 5: train_seconds counts from the start.*9 at epoch 2"):
        read_csv(write(text), "mine", ["w"], metrics)
    with pytest.raises(ImportFileError, match=r"train_seconds is negative"):
        read_csv(write("w,a,train_seconds\n1,5,-10\n"), "mine", ["w"], metrics)


def test_a_curve_beyond_32_bits(write) -> None:
    with pytest.raises(ImportFileError, match=r"too large for a learning curve"):
        read_csv(write("w,epoch,a\n1,1,1e300\n1,2,3\n"), "mine", ["w"], ["a:max:valid"])


# -- official ids --------------------------------------------------------------------------------------


def test_official_ids(write) -> None:
    text = "w,repeat,id,a\n2,0,n2,1\n2,1,n2,2\n1,0,n1,3\n"
    data = read_csv(write(text), "mine", ["w"], ["a:max:valid"], id_column="id")
    assert data.source_ids.tolist() == [b"n1", b"n2"]


@pytest.mark.parametrize("records", ["1,0,p,1\n1,1,q,2\n", "1,0,p,1\n2,0,p,2\n", "1,0,p,1\n2,0,,2\n"])
def test_ids_that_are_not_one_an_architecture(write, records: str) -> None:
    with pytest.raises(ImportFileError, match=r"line 3, column 'id': .* is not the one id of its architecture"):
        read_csv(write("w,repeat,id,a\n" + records), "mine", ["w"], ["a:max:valid"], id_column="id")


# -- against a plain reader, and against noise -----------------------------------------------------------


@st.composite
def grids(draw: st.DrawFn) -> list[dict[str, str]]:
    """Records of a random sparse grid with training runs and epochs."""
    widths = draw(st.lists(st.integers(-50, 500), min_size=1, max_size=4, unique=True))
    acts = draw(st.lists(st.sampled_from(["relu", "gelu", "tanh", "none"]), min_size=1, unique=True))
    runs, epochs = draw(st.integers(1, 3)), draw(st.sets(st.integers(1, 300), min_size=1, max_size=4))
    keys = list(itertools.product(widths, acts, range(runs), sorted(epochs)))
    kept = draw(st.lists(st.sampled_from(keys), min_size=1, unique=True))
    number = st.one_of(st.just(""), st.floats(-1e6, 1e6).map(repr))
    records = [
        {"w": str(w), "act": act, "repeat": str(run), "epoch": str(epoch), "a": draw(number)}
        for w, act, run, epoch in draw(st.permutations(kept))
    ]
    last = max(int(r["epoch"]) for r in records)
    next(r for r in records if int(r["epoch"]) == last)["a"] = "1.5"
    return records


@given(grids())
@settings(max_examples=60, deadline=None)
def test_every_cell_is_where_a_plain_reader_finds_it(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str]]
) -> None:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    path = tmp_path_factory.getbasetemp() / "grid.csv"
    path.write_text(stream.getvalue())
    data = read_csv(path, "mine", ["w", "act"], ["a:max:valid"])

    epochs = sorted({int(r["epoch"]) for r in records})
    runs = sorted({int(r["repeat"]) for r in records})
    given = {(int(r["w"]), r["act"], int(r["repeat"]), int(r["epoch"])): float(r["a"] or "nan") for r in records}
    names = choices(data)
    listed = [(names["w"][i], names["act"][j]) for i, j in data.genotypes.tolist()]
    assert listed == sorted({key[:2] for key in given})
    assert data.complete == (len(listed) == len({k[0] for k in given}) * len({k[1] for k in given}))
    expected = np.array([[[given.get((*arch, r, e), np.nan) for e in epochs] for r in runs] for arch in listed])
    np.testing.assert_array_equal(column(data, "a").values, expected[:, :, -1])
    if "a" in recipe(data).curve:
        curve = recipe(data).curve["a"]
        shown = [epochs.index(e) for e in curve.epochs]
        np.testing.assert_array_equal(curve.values, expected[:, :, shown])
        hidden = [i for i in range(len(epochs)) if i not in shown]
        assert np.isnan(expected[:, :, hidden]).all()
    else:
        assert np.isnan(expected[:, :, :-1]).all()


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_refused_with_our_errors(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    path.write_bytes(b"x,a\n" + content)
    with contextlib.suppress(NasbenchError):
        assert len(read_csv(path, "mine", ["x"], ["a:max:valid"]).genotypes) > 0
