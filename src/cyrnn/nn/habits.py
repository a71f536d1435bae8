"""What scripts for torch call on a model: done where it means something here, else said what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn, Self

import numpy as np

from . import _check_modules


class Habits:
    """Methods of torch's modules that change nothing here, or the dtype."""

    def eval(self) -> Self:
        """Return the model itself: a call is always as in eval mode.

        Returns
        -------
        Module
            The model itself.

        See Also
        --------
        cyrnn.nn.LSTM.forward : The pass with dropout, for training.

        Examples
        --------
        >>> cyrnn.nn.GRU(3, 5, rng=0).eval()
        GRU(3, 5)
        """
        return self

    def train(self, mode: bool = True) -> Self:
        """Return the model itself for False; say how models are trained for True."""
        if mode:
            _check_modules.not_here(self, "train")
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Return the model itself, for the CPU; cast to float32 or float64 where that is given.

        Parameters
        ----------
        *args, **kwargs : device, dtype and flags
            As torch takes them. A dtype may be one of NumPy or torch, or its name.

        Returns
        -------
        Module
            The model itself.

        Raises
        ------
        NotImplementedError
            If a device is not the CPU.
        TypeError
            If a dtype is another one.

        See Also
        --------
        float : To float32.
        double : To float64.

        Examples
        --------
        >>> cyrnn.nn.GRU(3, 5, rng=0).to("cpu", dtype="float64")
        GRU(3, 5, dtype='float64')
        """
        self._cast(_check_modules.destination(self, [*args, *kwargs.values()]))
        return self

    def cpu(self) -> Self:
        """Return the model itself: it is on the CPU.

        Returns
        -------
        Module
            The model itself.

        See Also
        --------
        to : Takes a device and a dtype.

        Examples
        --------
        >>> cyrnn.nn.GRU(3, 5, rng=0).cpu()
        GRU(3, 5)
        """
        return self

    def float(self) -> Self:
        """Cast the weights to float32, and return the model itself.

        A quantised model is of float32 already, and keeps its integers: `dequantize` makes floats of them.

        Returns
        -------
        Module
            The model itself.

        See Also
        --------
        double : The inverse, but for what is rounded.

        Examples
        --------
        >>> cyrnn.nn.GRU(3, 5, dtype=np.float64, rng=0).float()
        GRU(3, 5)
        """
        self._cast(np.dtype(np.float32))
        return self

    def double(self) -> Any:
        """Cast the weights to float64, and return the model itself.

        From then on inputs are float64, and sums and results have float64's digits. The weights do not: those of a
        float32 model stay rounded to 7 digits, so that results come no nearer to those of a model whose weights were
        float64 throughout. It takes twice the memory and twice the time. No other thread may call the model meanwhile.

        Returns
        -------
        Module
            The model itself.

        See Also
        --------
        float : The inverse.

        Examples
        --------
        >>> cyrnn.nn.GRU(3, 5, rng=0).double()
        GRU(3, 5, dtype='float64')
        """
        self._cast(np.dtype(np.float64))
        return self

    def flatten_parameters(self) -> None:
        """Do nothing: weights are packed already.

        See Also
        --------
        pack : Lets weights take effect that were changed in their place.

        Examples
        --------
        >>> cyrnn.nn.GRU(3, 5, rng=0).flatten_parameters()
        """

    def cuda(self, device: Any = None) -> NoReturn:
        _check_modules.not_here(self, "cuda")

    def half(self) -> NoReturn:
        _check_modules.not_here(self, "half")

    def bfloat16(self) -> NoReturn:
        _check_modules.not_here(self, "bfloat16")

    def parameters(self, recurse: bool = True) -> NoReturn:
        _check_modules.not_here(self, "parameters")

    def named_parameters(self, *args: Any, **kwargs: Any) -> NoReturn:
        _check_modules.not_here(self, "named_parameters")

    def zero_grad(self, set_to_none: bool = True) -> NoReturn:
        _check_modules.not_here(self, "zero_grad")

    def _cast(self, dtype: np.dtype[Any]) -> None:
        """Cast all weights, and pack them."""
