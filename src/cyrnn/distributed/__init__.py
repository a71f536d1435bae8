"""Past one machine: models over Dask's arrays, and gradients summed over MPI's ranks, with the bits of one process.

    predict     outputs of a model for a dask array, block by block, lazily
    Gradients   sums of gradients over fixed groups of examples, in a fixed order: the same for any number of ranks

Dask and mpi4py are the extras `dask` and `mpi`, imported where they are used.
"""

from .gradients import Gradients
from .prediction import predict

__all__ = ["Gradients", "predict"]
