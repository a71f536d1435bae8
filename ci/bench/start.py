"""From `python -c` to the first result: import, preparation and first call of each library, in new processes.

Each library's program is three lines of its own documentation's kind. The processes take turns; all files are in the
system's cache, as on a server's second start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROUNDS = 12
#: of the model, an LSTM in float32
UNITS, STEPS = 64, 100

#: name: (import, preparation, call); np, x (STEPS, 1, UNITS), path of an ONNX model and its feed are there
PROGRAMS = {
    "numpy": ("pass", "W = np.ones((64, 64), np.float32)", "W @ W"),
    "cyrnn": ("from cyrnn import nn", "model = nn.LSTM(64, 64, rng=0)", "model(x)"),
    "torch": (
        "import torch; torch.set_num_threads(1)",
        "model = torch.nn.LSTM(64, 64).eval(); xt = torch.from_numpy(x); mode = torch.inference_mode",
        "with mode(): model(xt)",
    ),
    "onnxruntime": (
        "import onnxruntime",
        "options = onnxruntime.SessionOptions(); options.intra_op_num_threads = 1; "
        "session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])",
        "session.run(None, feed)",
    ),
    "openvino": (
        "import openvino",
        "config = dict(PERFORMANCE_HINT='LATENCY', INFERENCE_NUM_THREADS='1', INFERENCE_PRECISION_HINT='f32'); "
        "request = openvino.Core().compile_model(path, 'CPU', config).create_infer_request()",
        "request.infer(feed, share_inputs=True, share_outputs=True)",
    ),
    "jax": (
        "import jax; from jax import numpy as jnp",
        "W, U, b = (jnp.asarray(np.zeros(s, np.float32)) for s in ((64, 256), (64, 256), (256,)))\n"
        "def cell(state, z):\n"
        " h, c = state; i, f, g, o = jnp.split(z + h @ U, 4)\n"
        " c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g); h = jax.nn.sigmoid(o) * jnp.tanh(c)\n"
        " return (h, c), h\n"
        "zero = jnp.zeros(64); rows = jnp.asarray(x[:, 0])\n"
        "run = jax.jit(lambda x: jax.lax.scan(cell, (zero, zero), x @ W + b)[1])",
        "run(rows).block_until_ready()",
    ),
}
PARTS = ("import", "prepare", "first call", "later call")
CHILD = """
import json, sys
from time import perf_counter as now
import numpy as np
programs, path = json.loads(sys.argv[1]), sys.argv[2]
x = np.zeros({shape}, np.float32)
feed = dict(X=x, h0=np.zeros({state}, np.float32), c0=np.zeros({state}, np.float32))
codes = [compile(each, "<part>", "exec") for each in programs]
space, found = dict(np=np, x=x, path=path, feed=feed), []
for code in codes:
    start = now(); exec(code, space); found.append(now() - start)
whole = now()
later = []
for _ in range(200):
    start = now(); exec(codes[-1], space); later.append(now() - start)
print(json.dumps([*found, min(later), now() - whole]))
"""


def measured(rounds: int = ROUNDS) -> dict[str, list[list[float]]]:
    """Return for each library, for each round, seconds: the whole process up to its first result, then PARTS."""
    from .rivals import onnx_model
    from .work import Case

    case = Case("hidden", "lstm", "f32", UNITS, UNITS, 1, STEPS)
    cached = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}  # modules in bytecode, as pip leaves those that it installs
    child = CHILD.replace("{shape}", str((STEPS, 1, UNITS))).replace("{state}", str((1, 1, UNITS)))
    found: dict[str, list[list[float]]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lstm.onnx"
        path.write_bytes(onnx_model.build(case, onnx_model.wanted(case)))
        for turn in range(rounds + 1):  # the first fills the system's cache of files
            for name, programs in PROGRAMS.items():
                start = perf_counter()
                said = subprocess.run(
                    [sys.executable, "-c", child, json.dumps(programs), str(path)],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=cached,
                ).stdout
                whole = perf_counter() - start
                *parts, after = json.loads(said.splitlines()[-1])
                if turn:
                    found[name].append([round(each, 6) for each in (whole - after, *parts)])
    return found


def least(samples: list[list[float]]) -> dict[str, float]:
    """The minimum of each part, and of the whole."""
    return dict(zip(("whole", *PARTS), map(min, zip(*samples, strict=True)), strict=True))
