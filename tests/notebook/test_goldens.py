"""Numbers that others printed: the notebook and its kin, CS231n, Keras, Burn, TFLite, ONNX."""

from __future__ import annotations

import json

import numpy as np
import pytest
from paths import DATA
from tolerances import printed_tolerance

import cyrnn

CASES = json.loads((DATA / "goldens.json").read_text(encoding="utf-8"))["cases"]


def follow(recipe: list, env: dict) -> None:
    """Make a case's inputs in `env`, as its source made them."""
    for step in recipe:
        match step:
            case {"op": "seed", "value": seed}:
                np.random.seed(seed)  # noqa: NPY002 - the sources' own stream of numbers
            case {"op": "randn", "name": name, "shape": shape}:
                env[name] = np.random.randn(*shape) * step.get("scale", 1.0)  # noqa: NPY002 - as above
            case {"op": "linspace", "name": name, "shape": shape}:
                env[name] = np.linspace(step["start"], step["stop"], int(np.prod(shape))).reshape(shape)
            case {"op": "expr", "name": name, "expr": expression}:
                env[name] = eval(expression, env)
            case _:
                raise ValueError(f"no such step: {step}")


def cast(value, dtype):
    """Floating arrays to `dtype`, in dicts too; the rest as it is."""
    if isinstance(value, dict):
        return {key: cast(item, dtype) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(dtype)
    return value


def play(case: dict, dtype) -> dict:
    env = {"np": np}
    follow(case["recipe"], env)
    env = {name: cast(value, dtype) for name, value in env.items() if name != "__builtins__"}
    env |= {name: getattr(cyrnn, name) for name in cyrnn.__all__}
    for line in case["call"]:
        exec(line, env)
    return env


def plain(value):
    """As JSON has it: lists for tuples."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def check(output: dict, env: dict, dtype) -> None:
    got = eval(output["expr"], env)
    if "equals" in output:
        assert plain(got) == output["equals"], output["expr"]
    elif "max" in output:
        assert float(got) <= output["max"], output["expr"]
    else:
        got = np.asarray(got).ravel()
        want = [float(text) for text in output["values"]]
        assert got.size == len(want), output["expr"]
        for g, w in zip(got.tolist(), want, strict=True):
            assert abs(g - w) <= printed_tolerance(w, output["printed_digits"], dtype), output["expr"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", CASES, ids=[case["id"].replace("/", "-") for case in CASES])
def test_goldens_replayed_gives_printed_numbers(case, dtype):
    env = play(case, dtype)
    for output in case["outputs"]:
        check(output, env, dtype)


@pytest.mark.parametrize("case", CASES, ids=[case["id"].replace("/", "-") for case in CASES])
def test_goldens_case_names_its_source(case):
    assert case["source"]
    assert any("values" in output or "equals" in output for output in case["outputs"])
