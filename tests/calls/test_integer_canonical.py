"""Integer weights: the same bits however the work is cut, ordered or stored, and a nan that stays in its own column."""

from __future__ import annotations

import numpy as np
import pytest
from integers import PLAIN, compiled, digest, each_plain, each_width, inputs, layer, pair, run
from interpreter import run_python
from layouts import LAYOUTS
from problems import CANONICAL, ODD_SIZES, assert_same_bits, isa_in_use

import cyrnn
from cyrnn import calls
from cyrnn.calls import threads
from cyrnn.calls.quantized import dequantized

pytestmark = compiled
float32 = np.float32
#: n_x, n, m, T: less than a vector, some panels, a tile of rows and some left over
SIZES = ((3, 5, 10, 4), (17, 33, 7, 3), (40, 70, 3, 9))


def plain(kind: str, width, n_x: int, n: int, seed: int = 0):
    return layer(kind, width, n_x, n, seed=seed, kinds=PLAIN)


def batch(done: list) -> list:
    """Results for parts of a batch, side by side."""
    return [np.concatenate(parts, axis=1) for parts in zip(*done, strict=True)]


@pytest.mark.parametrize(("n_x", "n", "m", "T"), SIZES)
@each_width
@each_plain
def test_columns_alone_equal_the_batch(kind, width, n_x, n, m, T):
    one = plain(kind, width, n_x, n)
    x, states, sublayer = inputs(T, m, n_x), one.states(m), one.sublayer()
    want = run(sublayer, x, states)
    alone = [run(sublayer, x[:, [j]], tuple(value[[j]] for value in states)) for j in range(m)]
    assert_same_bits(batch(alone), want)
    order = np.random.RandomState(1).permutation(m)
    assert_same_bits(run(sublayer, x[:, order], tuple(value[order] for value in states)), [v[:, order] for v in want])


@each_width
@each_plain
def test_every_batch_size_to_24_equals_the_columns_of_the_largest(kind, width):
    one = plain(kind, width, 9, 21)
    x, states, sublayer = inputs(3, 24, 9), one.states(24), one.sublayer()
    want = run(sublayer, x, states)
    for m in range(1, 24):
        part = run(sublayer, x[:, 24 - m :], tuple(value[24 - m :] for value in states))
        assert_same_bits(part, [value[:, 24 - m :] for value in want])


@pytest.mark.parametrize("m", [1, 2, 7])
@each_width
@each_plain
def test_pieces_and_steps_equal_the_whole(kind, width, m):
    """Of more steps than any block of them."""
    one = plain(kind, width, 5, 19)
    x, states, sublayer = inputs(60, m, 5), one.states(m), one.sublayer()
    whole = run(sublayer, x, states)
    now, pieces = states, []
    for start, end in ((0, 1), (1, 18), (18, 59), (59, 60)):
        output, *last = run(sublayer, x[start:end], now)
        now, pieces = tuple(value[0] for value in last), [*pieces, output]
    assert_same_bits([np.concatenate(pieces), *(value[None] for value in now)], whole)
    if one.W_hr is not None:                            # no cell has a projection
        return
    now, cell = states, one.sublayer(single_step=True)
    for t in range(60):
        done = cell.forward(x[t], now if len(now) > 1 else now[0])[1]
        now = done if isinstance(done, tuple) else (done,)
        assert_same_bits([now[0]], [whole[0][t]])
    assert_same_bits([value[None] for value in now], whole[1:])


@pytest.mark.parametrize("kind", ["tanh", "lstm", "coupled", "gru", "after", "hard"])
@pytest.mark.parametrize("n_x", [257, 400])
@each_width
def test_one_long_sequence_alone_equals_its_column_in_a_batch(kind, width, n_x):
    """Alone, its input projection is interleaved with the recurrent products where weights are many."""
    one = plain(kind, width, n_x, 650 if kind == "tanh" else 331)
    for T in (10, 27):
        x, states, sublayer = inputs(T, 2, n_x), one.states(2), one.sublayer()
        want = run(sublayer, x, states)
        for j in (0, 1):
            alone = run(sublayer, x[:, [j]], tuple(value[[j]] for value in states))
            assert_same_bits(alone, [value[:, [j]] for value in want])


@pytest.mark.parametrize("reverse", [False, True])
@each_width
@each_plain
def test_ragged_batch_equals_its_sequences_alone(kind, width, reverse):
    one, random = plain(kind, width, 6, 19), np.random.RandomState(2)
    lengths, T, m = [0, 7, 3, 1, 7, 5, 2, 0, 6], 7, 9
    x, states = inputs(T, m, 6), one.states(m)
    sublayer = one.sublayer(int(reverse), 2, 2)
    hx = tuple(np.stack([random.standard_normal(v.shape).astype(float32), v][:: 1 if reverse else -1]) for v in states)
    done = sublayer.forward(x, hx if len(hx) > 1 else hx[0], False, calls.lengths(lengths, T, m))
    output, *last = [done[0], *(done[1] if isinstance(done[1], tuple) else (done[1],))]
    n = one.sizes[0]
    own = output[:, :, n * int(reverse) : n * (1 + int(reverse))]
    forward = one.sublayer()
    for j, length in enumerate(lengths):
        flip = slice(None, None, -1 if reverse else 1)
        want = run(forward, x[:length, [j]][flip], tuple(value[[j]] for value in states))
        got = [own[:length, [j]], *(value[[int(reverse)]][:, [j]] for value in last)]
        assert_same_bits(got, [want[0][flip], *want[1:]])
        assert not own[length:, j].any()


@pytest.mark.parametrize("layout", ["fortran", "strided", "backwards", "read-only", "inner-axis-last"])
@each_width
@each_plain
def test_layout_of_x_and_states_changes_no_bit(kind, width, layout):
    one, change = plain(kind, width, 6, 19), LAYOUTS[layout]
    x, states, sublayer = inputs(5, 4, 6), one.states(4), one.sublayer()
    want = run(sublayer, x, states)
    hx = pair(states)
    given = tuple(map(change, hx)) if isinstance(hx, tuple) else change(hx)
    output, last = sublayer.forward(change(x), given)
    assert_same_bits([output, *(last if isinstance(last, tuple) else (last,))], want)
    first = x.transpose(1, 0, 2)
    for given in (first, np.ascontiguousarray(first)):
        assert_same_bits([run(sublayer, given, states, batch_first=True)[0].transpose(1, 0, 2)], want[:1])


@pytest.fixture
def split_everything(monkeypatch):
    before = cyrnn.get_num_threads()
    monkeypatch.setattr(threads, "MILLISECOND_FMAS", 1)
    monkeypatch.setattr(threads, "MIN_ROWS", 1)
    yield
    monkeypatch.undo()
    cyrnn.set_num_threads(before)


@pytest.mark.parametrize("m", [1, 2, 7, 33])
@each_width
@each_plain
def test_threads_any_number_gives_the_same_bits(kind, width, m, split_everything):
    one = plain(kind, width, 9, 21)
    x, states, sublayer, runs = inputs(5, m, 9), one.states(m), one.sublayer(), []
    ragged = calls.lengths([t % 6 for t in range(m)], 5, m)
    for n in (1, 2, 3):
        cyrnn.set_num_threads(n)
        runs.append([*run(sublayer, x, states), *run(sublayer, x, states, lengths=ragged)])
    for other in runs[1:]:
        assert_same_bits(other, runs[0])


# ---- every ISA ----------------------------------------------------------------------------------------------------


CODE = "from integers import digest; print(digest({}))"


@pytest.mark.skipif(isa_in_use() not in CANONICAL, reason="no fused multiply-add: its bits are not promised")
def test_every_isa_gives_the_same_bits():
    odd = [(n, m, n, 1 + n % 3) for n, m in zip(ODD_SIZES, ODD_SIZES[::-1], strict=True)]
    sizes = [*SIZES, *odd, (331, 331, 1, 21)]
    others = [isa for isa in CANONICAL if isa != isa_in_use()]
    found = {isa: run_python("-c", CODE.format(sizes), CYRNN_ISA=isa).stdout.strip() for isa in others}
    assert set(found.values()) <= {digest(sizes)}, found


# ---- what is no number --------------------------------------------------------------------------------------------


def in_floats(one):
    """The same layer with its weights as floats."""
    W_hr = None if one.W_hr is None else dequantized(one.W_hr)
    return one._replace(W_x=dequantized(one.W_x), W_a=dequantized(one.W_a), W_hr=W_hr)


def assert_others_kept(got: list, want: list, column: int) -> None:
    keep = [j for j in range(want[0].shape[1]) if j != column]
    assert_same_bits([value[:, keep] for value in got], [value[:, keep] for value in want])


@pytest.mark.parametrize("m", [1, 4, 7])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -np.nan])
@each_width
@each_plain
def test_input_that_is_no_number_stays_in_its_column_and_goes_on(kind, width, bad, m):
    for k, t, n in ((0, 0, 5), (18, 2, 33)):
        one, column = plain(kind, width, 19, n), m // 2
        x, states, sublayer = inputs(6, m, 19), one.states(m), one.sublayer()
        want = run(sublayer, x, states)
        x[t, column, k] = bad
        got = run(sublayer, x, states)
        assert_others_kept(got, want, column)
        assert_same_bits([got[0][:t, column]], [want[0][:t, column]])
        assert np.isnan(got[0][t:, column]).all(), "and so are the float model's, where bad is nan"
        floats = run(in_floats(one).sublayer(), x, states)
        assert not any((np.isnan(f) & ~np.isnan(g)).any() for f, g in zip(floats, got, strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
@each_width
@each_plain
def test_state_that_is_no_number_stays_in_its_column_and_goes_on(kind, width, which, bad):
    one, m, column = plain(kind, width, 3, 19), 4, 2
    if which >= len(one.sizes):
        return
    x, states, sublayer = inputs(6, m, 3), one.states(m), one.sublayer()
    want = run(sublayer, x, states)
    states[which][column, 1] = bad
    got = run(sublayer, x, states)
    assert_others_kept(got, want, column)
    floats = run(in_floats(one).sublayer(), x, states)
    assert not any((np.isnan(f) & ~np.isnan(g)).any() for f, g in zip(floats, got, strict=True))
    if which == 0:
        assert np.isnan(got[0][:, column]).all()
    else:
        np.testing.assert_array_equal(np.isnan(got[0]), np.isnan(floats[0]))
