"""Colours stay with their strategies and are told apart, also by colour-blind readers."""

from itertools import combinations

import numpy as np
import pytest

from nasbench.analysis.random_reference import RANDOM_SEARCH_EXACT
from nasbench.report.theme import CONTROL, GREY, PALETTE, styles_of

# Machado, Oliveira, Fernandes, A Physiologically-based Model for Simulation of Color Vision
# Deficiency, 2009: full severity, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear_rgb(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_are_told_apart(deficiency):
    seen = {c: lab(DEFICIENCIES[deficiency] @ linear_rgb(c)) for c in (*PALETTE, GREY)}
    for first, second in combinations(seen, 2):
        assert np.linalg.norm(seen[first] - seen[second]) > 11, (first, second)


def test_colours_stand_out_on_white():
    for colour in (*PALETTE, GREY):
        luminance = np.array([0.2126, 0.7152, 0.0722]) @ linear_rgb(colour)
        assert 1.05 / (luminance + 0.05) > 2.1


def test_a_style_depends_on_the_set_of_labels_only():
    labels = ["b", "a", CONTROL, "c"]
    assert styles_of(labels) == styles_of(labels[::-1]) == styles_of(labels * 2)


def test_random_search_is_grey_and_its_law_dashed():
    styles = styles_of([CONTROL, "gp"])
    assert styles[CONTROL].colour == styles[RANDOM_SEARCH_EXACT].colour == GREY
    assert styles[CONTROL].dash != styles[RANDOM_SEARCH_EXACT].dash
    assert CONTROL not in styles_of(["gp"])


def test_twenty_strategies_look_different():
    styles = styles_of([f"s{i}" for i in range(20)])
    assert len({(style.colour, style.dash) for style in styles.values()}) == 22
