import numpy as np
import pytest
from sklearn.base import clone

from nasbench.errors import GenotypeError
from nasbench.predictors import encoders
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

CELLS = NASBench201Space()
GRID = GridSpace.of({"width": [8, 16, 32], "operation": ["conv", "pool"]})


@pytest.mark.parametrize(
    "encoder",
    [
        encoders.OneHot(GRID),
        encoders.UnitRanks(GRID),
        encoders.Mixed(GRID),
        encoders.PathCounts(CELLS, power=1.0),
        encoders.PathFeatures(CELLS),
    ],
    ids=lambda e: type(e).__name__,
)
def test_an_encoder_clones_and_names_its_columns(encoder):
    genotypes = encoder.space.sample(np.random.default_rng(0), 7)
    copy = clone(encoder)
    assert copy is not encoder
    assert copy.space is encoder.space
    encoded = copy.fit_transform(genotypes)
    assert encoded.shape == (7, len(copy.get_feature_names_out()))
    np.testing.assert_array_equal(encoded, encoder.transform(genotypes))
    assert copy.get_params() == encoder.get_params()


def test_an_encoder_refuses_what_is_no_genotype():
    with pytest.raises(GenotypeError):
        encoders.OneHot(GRID).fit([[0, 2]])


def test_names_line_up_with_columns():
    encoder = encoders.Mixed(GRID)
    encoded = dict(zip(encoder.get_feature_names_out(), encoder.transform([[1, 1]])[0], strict=True))
    assert encoded == {"width": 0.5, "operation=conv": 0.0, "operation=pool": 1.0}


def test_the_default_canonicalises_only_where_it_may():
    assert isinstance(encoders.default_encoder(CELLS, functional=True), encoders.PathFeatures)
    assert isinstance(encoders.default_encoder(CELLS, functional=False), encoders.Mixed)
    assert isinstance(encoders.default_encoder(GRID, functional=True), encoders.Mixed)
