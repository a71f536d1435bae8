"""A case of nn_grid.py in torch: imported where torch is installed, by test_nn_torch.py and ci/torch_data/nn.py."""

from __future__ import annotations

import numpy as np
import torch
from nn_grid import RAGGED_T, Case
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def module_of(case: Case, dtype: str | None = None) -> torch.nn.Module:
    """The module in eval mode, with the drawn weights: torch itself checks their names and shapes."""
    module = getattr(torch.nn, case.kind)(**case.arguments, dtype=getattr(torch, dtype or case.dtype)).eval()
    module.load_state_dict({name: torch.tensor(value) for name, value in case.draw().weights.items()})
    return module


def run(case: Case, dtype: str | None = None) -> dict[str, np.ndarray]:
    """Values and gradients by name: output h_n c_n, d_input d_h d_c, and d_ with the name of each parameter.

    With a dtype, what was drawn in that of the case is computed in another.
    """
    drawn, module = case.draw(), module_of(case, dtype)
    kind = getattr(torch, dtype or case.dtype)
    x = torch.tensor(drawn.x, dtype=kind, requires_grad=True)
    states = [torch.tensor(state, dtype=kind, requires_grad=True) for state in drawn.states or ()]
    output, last = forward(case, module, x, states)
    values = {} if output is None else {"output": output}
    values |= {f"{state}_n": value for state, value in zip("hc", last, strict=False)}
    weights = [*([] if output is None else [drawn.d_output]), *drawn.d_state]
    loss = 0
    for value, weight in zip(values.values(), weights, strict=True):
        assert value.shape == weight.shape
        loss = loss + (value * torch.tensor(weight)).sum()
    loss.backward()
    leaves = {"input": x} | dict(zip("hc", states, strict=False)) | dict(module.named_parameters())
    results = {name: value.detach().numpy() for name, value in values.items()}
    return results | {f"d_{name}": leaf.grad.numpy() for name, leaf in leaves.items()}


def forward(case: Case, module, x, states):
    """Output (None for a cell) and the final states, h or (h, c)."""
    hx = () if not states else (tuple(states),) if len(states) == 2 else tuple(states)
    if case.is_cell:
        last = module(x, *hx)
        return None, last if isinstance(last, tuple) else (last,)
    if case.lengths is not None:
        x = pack_padded_sequence(x, torch.tensor(case.lengths), case.batch_first, enforce_sorted=False)
    output, last = module(x, *hx)
    if case.lengths is not None:
        output, _ = pad_packed_sequence(output, case.batch_first, total_length=RAGGED_T)
    return output, last if isinstance(last, tuple) else (last,)
