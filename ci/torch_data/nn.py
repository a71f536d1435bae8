"""Make the data by which tests/nn/test_nn_torch.py holds cyrnn.nn against torch.nn: values and gradients of a grid.

    python ci/torch_data/nn.py tests/data        with torch and NumPy installed

One file, torch_nn.npz. The cases and all that goes into them are tests/support/nn_grid.py's, drawn from seeds, so that
torch's results alone are stored, with the versions that made them. After a change of the grid run this again: the tests
compare the names.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
import nn_grid
import nn_in_torch
import stored

if __name__ == "__main__":
    torch.set_num_threads(1)
    results = {str(case): nn_in_torch.run(case) for case in nn_grid.STORED}
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    stored.save(Path(sys.argv[1]) / "torch_nn.npz", versions, results)
