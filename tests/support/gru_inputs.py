"""What goes into the GRUs of test_gru_oracle.py and of ci/torch_data/gru.py, drawn so that results alone are stored."""

from __future__ import annotations

import numpy as np

SHAPES = [(3, 5, 4, 7), (6, 17, 1, 9), (2, 8, 9, 3)]  # n_x, n_a, m, T_x
FORMS = {"before": False, "after": True}  # where reset stands: reset_after


def draw(form: str, dtype: str, number: int) -> dict[str, np.ndarray]:
    """x, a0, da and the notebook's parameters, small enough that no gate is saturated."""
    n_x, n_a, m, T_x = SHAPES[number]
    random = np.random.RandomState(100 + number)
    drawn = {"x": random.standard_normal((n_x, m, T_x)), "da": random.standard_normal((n_a, m, T_x))}
    drawn |= {"a0": random.standard_normal((n_a, m))}
    shapes = {f"W{gate}": (n_a, n_a + n_x) for gate in "zrc"} | {f"b{gate}": (n_a, 1) for gate in "zrc"}
    shapes |= {"Wy": (2, n_a), "by": (2, 1)}
    shapes |= {"bca": (n_a, 1)} if FORMS[form] else {}  # the last, so that the rest is the same in both forms
    drawn |= {key: random.uniform(-1, 1, shape) / np.sqrt(n_a) for key, shape in shapes.items()}
    return {key: value.astype(dtype) for key, value in drawn.items()}
