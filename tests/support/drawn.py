"""Problems drawn by hypothesis, the same in every run."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from problems import make

drawn = settings(derandomize=True, deadline=None, max_examples=25, database=None)


@st.composite
def problems(draw, cell, dtype, *, least_m: int = 1, least_T: int = 1):
    size = st.integers(1, 40)
    return make(
        cell,
        dtype,
        seed=draw(st.integers(0, 2**16)),
        n_x=draw(st.integers(0, 40)),
        n_a=draw(size),
        n_y=draw(st.integers(1, 20)),
        m=draw(st.integers(least_m, 40)),
        T_x=draw(st.integers(least_T, 6)),
    )
