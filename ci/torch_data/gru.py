"""Make the data by which tests/notebook/test_gru_oracle.py holds the notebook's GRU against PyTorch and ONNX Runtime.

    python ci/torch_data/gru.py tests/data        with torch, onnx, onnxruntime and NumPy installed

One file, torch_gru.npz. Reset after the product is torch.nn.GRU itself, values and gradients; reset before it, which
torch does not have, is a plain cell in torch's tensors, whose gradients are autograd's. Both forms are also values of
ONNX Runtime's GRU, float32 alone. What goes in is drawn by tests/support/gru_inputs.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
import stored
from gru_inputs import FORMS, SHAPES, draw


def named(given, gradient) -> dict[str, np.ndarray]:
    """Gradients by the notebook's names; the head has no part in them."""
    return {f"d{key}": gradient(value) for key, value in given.items() if key not in ("da", "Wy", "by")}


def reset_after(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """torch.nn.GRU, whose rows are r, z, n. One of each two biases is 0: the notebook has their sum, but for bca."""
    n_a, n_x = given["a0"].shape[0], given["x"].shape[0]
    leaves = {key: torch.tensor(value, requires_grad=True) for key, value in given.items()}
    zeros = torch.zeros(2 * n_a, dtype=leaves["x"].dtype)
    W = torch.cat([leaves["Wr"], leaves["Wz"], leaves["Wc"]])
    weights = {
        "weight_ih_l0": W[:, n_a:],
        "weight_hh_l0": W[:, :n_a],
        "bias_ih_l0": torch.cat([leaves["br"], leaves["bz"], leaves["bc"]])[:, 0],
        "bias_hh_l0": torch.cat([zeros, leaves["bca"][:, 0]]),
    }
    gru = torch.nn.GRU(n_x, n_a, dtype=leaves["x"].dtype)
    data = leaves["x"].permute(2, 1, 0), leaves["a0"].T[None]
    output, _ = torch.func.functional_call(gru, weights, data)
    a = output.permute(2, 1, 0)
    (a * leaves["da"]).sum().backward()
    return {"a": a.detach().numpy()} | named(leaves, lambda leaf: leaf.grad.numpy())


def reset_before(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    p = {key: torch.tensor(value, requires_grad=True) for key, value in given.items()}
    a, states = p["a0"], []
    for t in range(given["x"].shape[2]):
        s = torch.cat([a, p["x"][:, :, t]])
        z, r = (torch.sigmoid(p[f"W{gate}"] @ s + p[f"b{gate}"]) for gate in "zr")
        a = z * a + (1 - z) * torch.tanh(p["Wc"] @ torch.cat([r * a, p["x"][:, :, t]]) + p["bc"])
        states.append(a)
    a = torch.stack(states, dim=2)
    (a * p["da"]).sum().backward()
    return {"a": a.detach().numpy()} | named(p, lambda leaf: leaf.grad.numpy())


def in_onnxruntime(given: dict[str, np.ndarray], after: bool) -> dict[str, np.ndarray]:
    """Hidden states from a model of one GRU node; its rows are z, r, h."""
    n_a = given["a0"].shape[0]
    W = np.concatenate([given[f"W{gate}"] for gate in "zrc"])
    bias = np.concatenate([given[f"b{gate}"] for gate in "zrc"])[:, 0]
    recurrent = np.zeros_like(bias)
    if after:
        recurrent[2 * n_a :] = given["bca"][:, 0]
    feeds = {
        "X": given["x"].transpose(2, 1, 0),
        "W": W[None, :, n_a:],
        "R": W[None, :, :n_a],
        "B": np.concatenate([bias, recurrent])[None],
        "initial_h": given["a0"].T[None],
    }
    feeds = {name: np.ascontiguousarray(value) for name, value in feeds.items()}
    inputs = ["X", "W", "R", "B", "", "initial_h"]
    node = helper.make_node("GRU", inputs, ["Y"], hidden_size=n_a, linear_before_reset=int(after))
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in feeds.items()]
    outputs = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["T_x", 1, "m", n_a])]
    graph = helper.make_graph([node], "gru", infos, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (Y,) = session.run(None, feeds)  # (T, 1, m, n_a)
    return {"a": Y[:, 0].transpose(2, 1, 0)}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    results = {}
    for number in range(len(SHAPES)):
        for form, after in FORMS.items():
            for dtype in ("float32", "float64"):
                in_torch = reset_after if after else reset_before
                results[f"torch-{form}-{dtype}-{number}"] = in_torch(draw(form, dtype, number))
            results[f"onnxruntime-{form}-float32-{number}"] = in_onnxruntime(draw(form, "float32", number), after)
    modules = {"torch": torch, "onnxruntime": onnxruntime, "onnx": onnx, "numpy": np}
    versions = {name: module.__version__ for name, module in modules.items()}
    stored.save(folder / "torch_gru.npz", versions, results)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
