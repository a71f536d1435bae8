"""Linear and Embedding in files: what `save` writes, `load` makes again."""

from __future__ import annotations

import numpy as np
import pytest
from nn_models import assert_same

from cyrnn import nn

HEADS = {
    "linear": lambda: nn.Linear(5, 3, rng=0),
    "linear without bias": lambda: nn.Linear(5, 3, False, batch_first=True, rng=0),
    "embedding": lambda: nn.Embedding(7, 3, 2, dtype=np.float64, rng=0),
    "square embedding": lambda: nn.Embedding(3, 3, batch_first=True, rng=0),
}


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", HEADS)
def test_head_is_the_same_behind_a_file(name, ending, tmp_path):
    model = HEADS[name]()
    model.save(tmp_path / f"head{ending}")
    loaded = nn.load(tmp_path / f"head{ending}")
    assert repr(loaded) == repr(model)
    assert_same(loaded.state_dict(), model.state_dict())
    given = np.ones((2, 5), model.dtype) if name.startswith("linear") else [1, 2]
    assert_same(loaded(given), model(given))
    loaded.double()
    assert_same(loaded.weight, model.weight.astype(np.float64))


def test_weight_of_a_file_that_may_be_of_either_class_wants_its_kind(tmp_path):
    path = str(tmp_path / "weights.npz")
    np.savez(path, **{"head.weight": np.ones((4, 3), np.float32)})
    with pytest.raises(ValueError, match=r"look alike; kind='Embedding' or kind='Linear' says which"):
        nn.load(path, "head.")
    assert repr(nn.load(path, "head.", kind="Linear")) == repr(nn.Linear(3, 4, False))
    assert repr(nn.load(path, "head.", kind="Embedding", padding_idx=0)) == repr(nn.Embedding(4, 3, 0))


@pytest.mark.parametrize("ending", [".onnx", ".keras"])
def test_file_of_recurrent_layers_takes_no_head(ending, tmp_path):
    with pytest.raises(ValueError, match=r"^Linear.save: .* is for recurrent layers, expected .npz or .safetensors"):
        nn.Linear(3, 4).save(str(tmp_path / f"head{ending}"))
