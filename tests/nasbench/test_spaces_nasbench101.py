"""NAS-Bench-101's space against published numbers, an independent hash and brute force over small cells."""

from __future__ import annotations

import hashlib
import itertools
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import nasbench
from nasbench import predictors, search
from nasbench.benchmark import load
from nasbench.errors import GenotypeError, MissingExtraError, NotInTableError
from nasbench.spaces import from_definition
from nasbench.spaces.nasbench101 import NODE_OPERATIONS, SIZE, NASBench101Space
from nasbench.spaces.nasbench101_cells import OPERATIONS, official_hash
from nasbench.spaces.nasbench101_graphs import all_representatives, topologies
from nasbench.spaces.nasbench101_moves import around
from nasbench.spaces.table import TableSpace
from nasbench.task import Task

SPACE = NASBench101Space()
CONV3, CONV1, POOL = OPERATIONS
INCEPTION = (
    [[0, 1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0, 0],
     [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0]],
    ["input", CONV1, CONV3, CONV3, CONV3, POOL, "output"],
)  # fmt: skip
UNIQUE_BY_VERTICES = {2: 1, 3: 6, 4: 84, 5: 2441, 6: 62010, 7: 359082}
quick = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)


# -- independent readings of the paper, on plain matrices ------------------------------------------------


def useful(matrix) -> list[int]:
    """Vertices on a path from first to last, by the transitive closure."""
    n = len(matrix)
    closure = np.eye(n, dtype=int) + np.array(matrix)
    for _ in range(n):
        closure = np.minimum(closure @ closure, 1)
    return [v for v in range(n) if closure[0, v] and closure[v, n - 1]]


def plain_hash(matrix, operations, degree=int) -> str:
    """The published procedure on a pruned cell; `degree` is how Python holds the degrees."""
    n, array = len(matrix), np.array(matrix)
    label = {"input": -1, "output": -2, **{name: i for i, name in enumerate(OPERATIONS)}}
    md5 = [
        hashlib.md5(str((degree(array[v].sum()), degree(array[:, v].sum()), label[operations[v]])).encode()).hexdigest()
        for v in range(n)
    ]
    for _ in range(n):
        fed = ["".join(sorted(md5[w] for w in range(n) if array[w, v])) for v in range(n)]
        feeds = ["".join(sorted(md5[w] for w in range(n) if array[v, w])) for v in range(n)]
        md5 = [hashlib.md5(f"{fed[v]}|{feeds[v]}|{md5[v]}".encode()).hexdigest() for v in range(n)]
    return hashlib.md5(str(sorted(md5)).encode()).hexdigest()


def labelled(vertices: int):
    """Every pruned labelled cell with so many vertices, as (matrix, operations)."""
    places = list(itertools.combinations(range(vertices), 2))
    for bits in itertools.product((0, 1), repeat=len(places)):
        matrix = np.zeros((vertices, vertices), dtype=int)
        for (i, j), bit in zip(places, bits, strict=True):
            matrix[i, j] = bit
        if sum(bits) <= 9 and len(useful(matrix)) == vertices:
            for inner in itertools.product(OPERATIONS, repeat=vertices - 2):
                yield matrix, ("input", *inner, "output")


def relabelled(matrix, operations, seed, dead=3):
    """The same cell with its vertices in another topological order, and up to `dead` useless vertices between them."""
    rng, array, n = random.Random(seed), np.array(matrix), len(matrix)
    order = [0]
    while len(order) < n - 1:
        ready = [v for v in range(1, n - 1) if v not in order and all(w in order for w in np.flatnonzero(array[:, v]))]
        order.append(rng.choice(ready))
    order.append(n - 1)
    array, names = array[np.ix_(order, order)], [operations[v] for v in order]
    for _ in range(rng.randint(0, dead)):
        at = rng.randrange(1, len(array))
        array = np.insert(np.insert(array, at, 0, axis=0), at, 0, axis=1)
        names.insert(at, rng.choice(OPERATIONS))
        if rng.random() < 0.5:  # fed, but feeding nothing
            array[0, at] = 1
        else:  # feeding, but fed by nothing
            array[at, -1] = 1
    return array, names


def drawn(seed: int, n: int = 1):
    return [tuple(row) for row in SPACE.sample(np.random.default_rng(seed), n).tolist()]


# -- hashes and counts ------------------------------------------------------------------------------


def test_the_cell_of_the_official_readme() -> None:
    genotype = SPACE.from_matrix(*INCEPTION)
    assert SPACE.official_hash(genotype) == "28cfc7874f6d200472e1a9dcd8650aa0"
    assert plain_hash(*INCEPTION) == "28cfc7874f6d200472e1a9dcd8650aa0"


def test_the_cell_with_the_first_official_hash() -> None:
    text = f"{CONV3}~0|{POOL}~1|{CONV3}~2|{CONV3}~0|{CONV1}~0+3+4|output~2+5"
    assert SPACE.official_hash(SPACE.parse(text)) == "00005c142e6f48ac74fdcf73e3439874"


def test_hashes_against_the_plain_procedure() -> None:
    for genotype in drawn(1, 100):
        assert SPACE.official_hash(genotype) == plain_hash(*SPACE.matrix(genotype))


def test_hashes_depend_on_plain_integers() -> None:
    """The trap: float degrees give other hashes; numpy scalars may not, whatever numpy prints for them."""
    right = plain_hash(*INCEPTION)
    assert plain_hash(*INCEPTION, degree=float) != right
    array = np.array(INCEPTION[0])
    successors = [np.int64(sum(1 << w for w in np.flatnonzero(row))) for row in array]
    labels = np.array([-1, 1, 0, 0, 0, 2, -2], dtype=np.int8)
    assert official_hash(successors, labels) == right
    assert official_hash(np.array(successors), labels) == right


def test_counts_of_labelled_and_unique_cells() -> None:
    known = topologies()
    assert sum(3 ** int(k) for k in known.vertices) == 1_293_208
    assert SPACE.size == SIZE == len(all_representatives()) == sum(UNIQUE_BY_VERTICES.values()) == 423_624
    vertices = known.vertices[np.searchsorted(known.edges, all_representatives() // 1024)] + 2
    assert dict(enumerate(np.bincount(vertices).tolist()[2:], start=2)) == UNIQUE_BY_VERTICES


@pytest.mark.parametrize("vertices", [2, 3, 4, 5])
def test_small_cells_by_brute_force(vertices: int) -> None:
    """Every labelled cell: one genotype a hash class, one hash a genotype."""
    pairs = {(plain_hash(*cell), SPACE.from_matrix(*cell)) for cell in labelled(vertices)}
    hashes, genotypes = {h for h, _ in pairs}, {g for _, g in pairs}
    assert len(hashes) == len(genotypes) == len(pairs) == UNIQUE_BY_VERTICES[vertices]
    assert SPACE.valid(sorted(genotypes)).all()
    assert all(len(SPACE.matrix(g)[1]) == vertices for g in genotypes)


@pytest.mark.slow
def test_every_hash() -> None:
    """With all hashes distinct and their digest published, classes of genotypes are classes of hashes."""
    hashes = sorted(SPACE.official_hash(tuple(genotype)) for genotype in SPACE.all().tolist())
    assert len(set(hashes)) == SIZE
    digest = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    assert digest == "a7f10bf770c1b5b8a221e37824e42b3b1a237a5d21ccf545bbe8e23abd933403"


# -- representatives --------------------------------------------------------------------------------


@quick
@given(seed=seeds)
def test_a_cell_is_found_however_it_is_written(seed: int) -> None:
    (genotype,) = drawn(seed)
    array, names = relabelled(*SPACE.matrix(genotype), seed)
    assert SPACE.from_matrix(array, names) == genotype
    assert SPACE.from_matrix(array.tolist(), names) == genotype
    assert SPACE.from_matrix(array.astype(float), names) == genotype
    fed = ["+".join(map(str, np.flatnonzero(column))) for column in array.T[1:]]
    if all(fed):  # a text has no vertex that reads from nothing
        text = "|".join(f"{name}~{sources}" for name, sources in zip(names[1:], fed, strict=True))
        assert SPACE.parse(text) == genotype


def raw(matrix, operations) -> tuple[int, ...]:
    """A matrix of up to seven vertices as genes, its output moved to vertex 6; not normalised."""
    n, genes = len(matrix), np.zeros((7, 7), dtype=int)
    places = [*range(n - 1), 6]
    genes[np.ix_(places, places)] = matrix
    inner = [OPERATIONS.index(name) + 1 for name in operations[1:-1]] + [0] * (7 - n)
    return (*genes[np.triu_indices(7, 1)].tolist(), *inner)


@quick
@given(seed=seeds)
def test_batches_of_cells_written_in_any_way(seed: int) -> None:
    wanted = drawn(seed, 8)
    cells = [relabelled(*SPACE.matrix(genotype), seed + i) for i, genotype in enumerate(wanted)]
    short = [(raw(*cell), genotype) for cell, genotype in zip(cells, wanted, strict=True) if len(cell[1]) <= 7]
    if short:
        written, expected = zip(*short, strict=True)
        assert SPACE.canonical(written).tolist() == list(map(list, expected))
        assert SPACE.listed_form(np.array(written, dtype=np.uint8)).tolist() == list(map(list, expected))
        assert SPACE.parse(",".join(map(str, written[0]))) == expected[0]
    assert SPACE.listed_form(wanted).tolist() == list(map(list, wanted))


@quick
@given(seed=seeds)
def test_any_genes_are_a_cell_or_refused_as_the_plain_rule_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits, genes = (rng.random(21) < rng.random()).astype(int), rng.integers(0, 4, 5)
    matrix = np.zeros((7, 7), dtype=int)
    matrix[np.triu_indices(7, 1)] = bits
    here = [0, *(np.flatnonzero(genes) + 1).tolist(), 6]
    matrix = matrix[np.ix_(here, here)]
    kept = useful(matrix)
    edges = int(matrix[np.ix_(kept, kept)].sum()) if kept else 0
    genotype = (*bits.tolist(), *genes.tolist())
    if 0 < edges <= 9:
        names = ["input", *(OPERATIONS[g - 1] for g in genes if g), "output"]
        found = SPACE.canonical([genotype])
        pruned = matrix[np.ix_(kept, kept)], [names[v] for v in kept]
        assert SPACE.official_hash(tuple(found[0].tolist())) == plain_hash(*pruned)
        assert SPACE.from_matrix(matrix, names) == tuple(found[0].tolist())
        assert SPACE.valid([genotype])[0] == (found[0].tolist() == list(genotype))
    else:
        with pytest.raises(GenotypeError, match="no path" if not kept else f"{edges} edges"):
            SPACE.canonical([genotype])
        assert not SPACE.valid([genotype])[0]
        with pytest.raises(GenotypeError, match=r"no path|edges"):
            SPACE.index(genotype)


def test_the_representative_is_the_smallest_genotype() -> None:
    for genotype in drawn(5, 40):
        matrix, operations = SPACE.matrix(genotype)
        n = len(matrix)
        written = []
        for inner in itertools.permutations(range(1, n - 1)):
            order = [0, *inner, n - 1]
            moved = matrix[np.ix_(order, order)]
            if not np.tril(moved).any():
                written.append(raw(moved, [operations[v] for v in order]))
        assert min(written) == genotype
        for other in set(written) - {genotype}:
            with pytest.raises(GenotypeError, match="not the representative") as refused:
                SPACE.index(other)
            assert str(genotype) in str(refused.value)


def test_large_batches_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = SPACE.sample(np.random.default_rng(2), 1000)
    monkeypatch.setattr("nasbench.spaces.nasbench101._CHUNK", 7)
    np.testing.assert_array_equal(SPACE.canonical(batch), batch)
    assert SPACE.canonical(np.empty((0, 26), dtype=int)).shape == (0, 26)


# -- matrices and text ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "operations", "message"),
    [
        ([[0, 1], [0]], ["input", "output"], "one length"),
        ([[0, 1]], ["input", "output"], "square"),
        ([[0]], ["input"], "square"),
        (np.zeros((65, 65), dtype=int), ["input", "output"], "square"),
        ([[0, 2], [0, 0]], ["input", "output"], "0 and 1"),
        ([[0, float("nan")], [0, 0]], ["input", "output"], "0 and 1"),
        ([["0", "1"], ["0", "0"]], ["input", "output"], "0 and 1"),
        ([[0, 1], [1, 0]], ["input", "output"], "1->0"),
        ([[1, 1], [0, 0]], ["input", "output"], "0->0"),
        ([[0, 0], [0, 0]], ["input", "output"], "no path"),
        ([[0, 1], [0, 0]], ["output", "input"], "begin with 'input'"),
        ([[0, 1], [0, 0]], [], "begin with 'input'"),
        ([[0, 1], [0, 0]], ["input", CONV1, "output"], "2 vertices with 3"),
        (np.triu(np.ones((5, 5), dtype=int), 1), ["input", CONV1, CONV1, CONV1, "output"], "10 edges"),
        (np.eye(8, k=1, dtype=int), ["input", *[POOL] * 6, "output"], "8 vertices"),
    ],
)
def test_what_is_no_cell(matrix, operations, message: str) -> None:
    with pytest.raises(GenotypeError, match=message):
        SPACE.from_matrix(matrix, operations)


def test_an_unknown_operation_names_the_nearest() -> None:
    with pytest.raises(GenotypeError, match="maxpool3x3"):
        SPACE.from_matrix(np.eye(3, k=1), ["input", "maxpool", "output"])
    with pytest.raises(GenotypeError, match="conv3x3-bn-relu"):
        SPACE.parse("conv3x3~0|output~1")


def test_text() -> None:
    genotype = SPACE.from_matrix(*INCEPTION)
    text = SPACE.format(genotype)
    assert sorted(text.split("|"))[-1].startswith("output~")
    assert SPACE.parse(text) == SPACE.parse(f"  {text.replace('|', ' | ')} ") == genotype
    assert SPACE.format(SPACE.parse("output~0")) == "output~0"
    assert SPACE.parse(f"{CONV1}~0|{POOL}~0+1|output~1+2") == SPACE.parse(f"{CONV1}~0|{POOL}~1+0|output~2+1")
    assert from_definition(SPACE.kind, SPACE.definition()) == SPACE
    with pytest.raises(GenotypeError, match="definition"):
        NASBench101Space.from_definition({**SPACE.definition(), "edges": 10})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("28cfc7874f6d200472e1a9dcd8650aa0", "module hash"),
        (f"{CONV1}~1|output~1", "not before"),
        (f"{CONV1}~0|{POOL}~1", "expected e.g."),
        (f"{CONV1}~|output~1", "expected e.g."),
        ("output~0|output~1", "unknown operation"),
        (f"{CONV1}~0|output~99999999999999999999", "not before"),
        ("|".join([f"{CONV1}~0"] * 80 + ["output~1"]), "expected e.g."),
        ("~", "expected e.g."),
        (None, "text"),
    ],
)
def test_text_that_is_no_cell(text, message: str) -> None:
    with pytest.raises(GenotypeError, match=message):
        SPACE.parse(text)


@quick
@given(text=st.text(alphabet="|~+0123456 ", max_size=12).map(lambda s: s.replace("6", CONV1).replace("5", "output")))
def test_any_text_is_a_cell_or_refused(text: str) -> None:
    try:
        genotype = SPACE.parse(text)
    except GenotypeError:
        return
    assert SPACE.valid([genotype])[0]


# -- moves ------------------------------------------------------------------------------------------


def moved(matrix, operations):
    """Every result of one move, as matrices: edges, operations, a vertex out, a vertex in."""
    n = len(matrix)
    for i, j in itertools.combinations(range(n), 2):
        other = matrix.copy()
        other[i, j] ^= 1
        yield other, operations
    for v in range(1, n - 1):
        for name in OPERATIONS:
            yield matrix, [*operations[:v], name, *operations[v + 1 :]]
        yield np.delete(np.delete(matrix, v, 0), v, 1), [*operations[:v], *operations[v + 1 :]]
    if n == 7:
        return
    edges = [({i}, {j}) for i, j in itertools.combinations(range(n), 2)]
    twins = [(set(np.flatnonzero(matrix[:, v])), set(np.flatnonzero(matrix[v]))) for v in range(1, n - 1)]
    for feeding, fed in edges + twins:
        at = max(feeding) + 1
        other = np.insert(np.insert(matrix, at, 0, axis=0), at, 0, axis=1)
        for v in feeding:
            other[v, at] = 1
        for v in fed:
            other[at, v + 1] = 1
        for name in OPERATIONS:
            yield other, [*operations[:at], name, *operations[at:]]


def test_neighbours_by_brute_force() -> None:
    small = [g for v in (2, 3, 4) for g in {SPACE.from_matrix(*cell) for cell in labelled(v)}]
    for genotype in [*small, *drawn(3, 60)]:
        matrix, operations = SPACE.matrix(genotype)
        expected = set()
        for cell, names in moved(matrix, list(operations)):
            kept = useful(cell)
            if kept and cell[np.ix_(kept, kept)].sum() <= 9:
                expected.add(plain_hash(cell[np.ix_(kept, kept)], [names[v] for v in kept]))
        expected.discard(SPACE.official_hash(genotype))
        found = SPACE.neighbours(genotype)
        assert len(set(found)) == len(found) == len(expected)
        assert {SPACE.official_hash(g) for g in found} == expected


@pytest.mark.slow
def test_every_cell_can_be_reached() -> None:
    first = SPACE.genotypes([0])[0].tolist()
    start = int("".join(map(str, first[:21])), 2), tuple(first[21:])
    seen, front = {start}, [start]
    while front:
        for cell in around(*front.pop()):
            if cell not in seen:
                seen.add(cell)
                front.append(cell)
    assert len(seen) == SIZE


def test_mutation_is_uniform_over_neighbours() -> None:
    (genotype,) = drawn(11)
    counts = dict.fromkeys(SPACE.neighbours(genotype), 0)
    rng = np.random.default_rng(0)
    for _ in range(200 * len(counts)):
        counts[SPACE.mutate(genotype, rng)] += 1
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_samples_are_uniform_over_distinct_cells() -> None:
    vertices = (SPACE.sample(np.random.default_rng(4), 50_000)[:, 21:] > 0).sum(axis=1) + 2
    counts = np.bincount(vertices, minlength=8)
    expected = np.array([UNIQUE_BY_VERTICES[v] for v in (5, 6, 7)]) / SIZE
    assert counts[:5].sum() < 50_000 * 91 / SIZE + 20
    assert stats.chisquare(counts[5:], expected / expected.sum() * counts[5:].sum()).pvalue > 1e-3


def test_crossover_mixes_and_stays_inside() -> None:
    rng, cells = np.random.default_rng(0), drawn(7, 200)
    children = [SPACE.crossover(a, b, rng) for a, b in itertools.pairwise(cells)]
    assert SPACE.valid(children).all()
    new = sum(child not in pair for child, pair in zip(children, itertools.pairwise(cells), strict=True))
    assert new > 150
    assert SPACE.crossover(cells[0], cells[0], rng) == cells[0]


# -- views ------------------------------------------------------------------------------------------


def test_graph_and_path_views() -> None:
    cells = drawn(9, 30)
    graphs, labels, counts = SPACE.adjacency(cells), SPACE.node_operations(cells), SPACE.path_counts(cells)
    assert len(SPACE.path_names) == len(set(SPACE.path_names)) == 364 == counts.shape[1]
    for genotype, graph, label, count in zip(cells, graphs, labels, counts, strict=True):
        matrix, operations = SPACE.matrix(genotype)
        here = [v for v in range(7) if NODE_OPERATIONS[label[v]] != "none"]
        np.testing.assert_array_equal(graph[np.ix_(here, here)], matrix)
        assert graph.sum() == matrix.sum()
        assert tuple(NODE_OPERATIONS[label[v]] for v in here) == operations
        paths, open_ = {}, [(0, "input")]
        while open_:
            vertex, name = open_.pop()
            if vertex == len(matrix) - 1:
                paths[name] = paths.get(name, 0) + 1
            open_ += [(int(w), f"{name}>{operations[w]}") for w in np.flatnonzero(matrix[vertex])]
        assert {n: c for n, c in zip(SPACE.path_names, count.tolist(), strict=True) if c} == paths


# -- in a table -------------------------------------------------------------------------------------


@pytest.fixture
def listed(make_table, make_protocol, make_column):
    """A partial table of 300 cells and a cluster of neighbours; its rows in rank order."""
    cells = {*drawn(20, 300), *SPACE.neighbours(SPACE.from_matrix(*INCEPTION)), SPACE.from_matrix(*INCEPTION)}
    rows = SPACE.genotypes(np.sort(SPACE.indices(sorted(cells))))
    values = np.random.default_rng(0).random(len(rows))
    name = make_table(
        make_protocol(final={"val_accuracy": make_column(values[:, None])}), space=SPACE, rows=rows, name="cells"
    )
    return load(name)


def test_a_partial_table_finds_isomorphs(listed) -> None:
    for row in (0, 7, len(listed) - 1):
        genotype = tuple(listed.genotypes[row].tolist())
        value = listed.column("val_accuracy")[row, 0]
        matrix, operations = SPACE.matrix(genotype)
        others = [relabelled(matrix, operations, seed) for seed in range(40)]
        written = [raw(*cell) for cell in others if len(cell[1]) <= 7]
        assert {listed.query(g) for g in written} == {value}
        assert {listed.row(g) for g in written} == {row}
        np.testing.assert_array_equal(listed.query(np.array(written)), np.full(len(written), value))
        assert listed.query(f"id{row}") == listed.query(SPACE.format(genotype)) == value
    for missing in (g for g in drawn(99, 50) if listed.row(g) < 0):
        other = raw(*relabelled(*SPACE.matrix(missing), 1, dead=0))
        for asked in (missing, other, np.array([other])):
            with pytest.raises(NotInTableError, match=re.escape(SPACE.format(missing))):
                listed.query(asked)
    for bad in ((0,) * 26, (1,) * 26, (9,) * 26, (1.5,) * 26, (1,) * 25):
        with pytest.raises(GenotypeError):
            listed.query(bad)


def test_search_space_of_a_partial_table(listed) -> None:
    space, members = listed.space, set(map(tuple, listed.genotypes.tolist()))
    assert isinstance(space, TableSpace)
    centre = SPACE.from_matrix(*INCEPTION)
    assert space.neighbours(centre) == sorted(SPACE.neighbours(centre))
    rng = np.random.default_rng(0)
    assert {space.mutate(centre, rng) for _ in range(400)} == set(SPACE.neighbours(centre))
    alone = next(g for g in members if not set(SPACE.neighbours(g)) & members)
    nearest = space.neighbours(alone)
    distance = [sum(a != b for a, b in zip(alone, g, strict=True)) for g in members - {alone}]
    assert {sum(a != b for a, b in zip(alone, g, strict=True)) for g in nearest} == {min(distance)}
    assert {space.crossover(centre, alone, rng) for _ in range(20)} <= members
    assert {tuple(g) for g in space.sample(rng, 50).tolist()} <= members


def test_a_complete_table(make_table, make_protocol, make_column) -> None:
    values = np.arange(SIZE, dtype=float)[:, None] / SIZE
    recipe = make_protocol(final={"val_accuracy": make_column(values)})
    bench = load(make_table(recipe, space=SPACE, name="all"))
    assert bench.table.complete
    assert bench.space is bench.full_space
    cells = drawn(31, 100)
    rows = SPACE.indices(cells)
    written = [raw(*relabelled(*SPACE.matrix(g), 2, dead=0)) for g in cells]
    assert sum(a != b for a, b in zip(written, cells, strict=True)) > 10
    assert [bench.row(g) for g in cells] == [bench.row(g) for g in written] == rows.tolist()
    for batch in (cells, written):
        np.testing.assert_array_equal(bench.query(np.array(batch)), rows / SIZE)
        assert [bench.query(g) for g in batch] == (rows / SIZE).tolist()
    with pytest.raises(GenotypeError, match="no path"):
        bench.query((0,) * 26)
    with pytest.raises(GenotypeError, match="no path"):
        bench.query(np.zeros((2, 26), dtype=int))
    run = search(Task("all/default", evaluations=40), "regularized-evolution", seed=0)
    assert SPACE.valid(run.trace["genotype"].tolist()).all()


@pytest.mark.parametrize("strategy", nasbench.strategies.list())
def test_every_strategy_runs(listed, strategy: str) -> None:
    try:
        cls = nasbench.strategies.REGISTRY.get(strategy)
    except MissingExtraError as error:
        pytest.skip(str(error))
    if cls.uses or cls.needs_fidelities or cls.min_objectives > 1:
        pytest.skip("the table has one objective, one training recipe, no sister and no further column")
    run = search(Task("cells/default", evaluations=14), strategy, seed=1)
    assert len(run.trace) == 14
    assert set(run.trace["row"].tolist()) <= set(range(len(listed)))


def test_predictors_learn_on_the_space() -> None:
    cells = SPACE.sample(np.random.default_rng(0), 300)
    target = cells[:, 21:].sum(axis=1) + (cells[:, 21:] == 1).sum(axis=1) * 2.0
    for name in ("xgboost", "gp"):
        model = predictors.create(name, SPACE)
        model.fit(cells[:200], target[:200])
        assert stats.kendalltau(model.predict(cells[200:]), target[200:]).statistic > 0.6
