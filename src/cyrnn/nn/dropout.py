"""Dropout: values dropped at random where a model is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

import numpy as np

from ..calls import DefaultEnvironment
from ..calls.stack import noisy
from . import _check, _check_modules, _check_sequential
from .convert import ALSO
from .tape import factors

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class InputGradients(NamedTuple):
    """The gradient of a loss with respect to the input of a module without weights, and an empty dict for these."""

    input: NDArray[Any]
    weights: dict[str, NDArray[Any]]


class DropoutTape:
    """A forward pass, for `backward`: the factors that values were multiplied by, or None."""

    __slots__ = ("dtype", "noise", "shape")

    def __init__(self, noise: NDArray[Any] | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.noise, self.shape, self.dtype = noise, shape, dtype

    def __repr__(self) -> str:
        return f"<tape of Dropout: {self.shape}>"

    def __reduce__(self) -> NoReturn:
        _check.tape_stays()


class Dropout:
    """Values dropped at random, as torch.nn.Dropout.

    Of every value, with k = 0 with probability p, else 1::

        y = x * k / (1 - p)

    Parameters
    ----------
    p : float
        From 0 to 1: the probability with which `forward` drops a value, if it is given a generator.
    batch_first : bool
        Whether a batch is (N, L, features), not (L, N, features): the order in which numbers are drawn, nothing else.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    Sequential : Modules that follow each other; its `forward` has the generator.
    LSTM : Has dropout of its own, between layers.

    Notes
    -----
    A call drops nothing: it is as in eval mode. The numbers are drawn step by step, in float32 for any dtype, so that a
    seed drops the same values of the same batch in either dtype and either order of axes.

    References
    ----------
    Srivastava et al. 2014, "Dropout"; torch.nn.Dropout, PyTorch 2.

    Examples
    --------
    >>> dropout = cyrnn.nn.Dropout(0.5)
    >>> y, tape = dropout.forward(np.ones((2, 4), np.float32), dropout_rng=0)
    >>> sorted(set(y.ravel().tolist())), dropout(y) is y
    ([0.0, 2.0], True)
    """

    def __init__(self, p: float = 0.5, *, batch_first: bool = False) -> None:
        self.p = _check.probability("Dropout", "p", p)
        self.batch_first = _check.flag("Dropout", "batch_first", batch_first)

    @classmethod
    def from_torch(cls, module: Any, *, dtype: Any = None, dequantize: bool = False) -> Self:
        """Make one with the probability of one of torch.nn's.

        Parameters
        ----------
        module : torch.nn.Dropout
            Or a subclass of it. torch is not imported.
        dtype, dequantize
            As for `LSTM.from_torch`; there are no weights that they could be about.

        Returns
        -------
        Dropout
            With `batch_first`, which torch's has not, False.

        Raises
        ------
        TypeError, ValueError
            If module is of another class.

        See Also
        --------
        cyrnn.nn.from_torch : The same for a module of any class.

        Examples
        --------
        >>> class Dropout:  # or torch.nn.Dropout
        ...     p = 0.5
        >>> cyrnn.nn.Dropout.from_torch(Dropout())
        Dropout(p=0.5)
        """
        function = f"{cls.__name__}.from_torch"
        module = _check_modules.module_inside(function, module)
        _check_modules.framework_class(function, module, {"Dropout": cls})
        return cls(_check_modules.attribute(function, module, "p"))

    def __call__(self, input: ArrayLike) -> Any:
        """Return the input as it is.

        Parameters
        ----------
        input : array_like
            Anything.

        Returns
        -------
        array_like
            The very object.

        See Also
        --------
        forward : Drops values.

        Examples
        --------
        >>> cyrnn.nn.Dropout(0.5)(np.ones(2))
        array([1., 1.])
        """
        return input

    def forward(
        self, input: ArrayLike, *, dropout_rng: np.random.Generator | int | None = None
    ) -> tuple[NDArray[Any], DropoutTape]:
        """Drop values, and keep which.

        Parameters
        ----------
        input : ndarray of any shape
            Of float32 or float64.
        dropout_rng : Generator or seed, optional
            Where the numbers come from; nothing is dropped if left out.

        Returns
        -------
        output : ndarray of the shape of input
            The values, with zeros where they were dropped.
        tape : DropoutTape
            The pass, for `backward`.

        Raises
        ------
        ValueError, TypeError
            If an argument is not as above, or p is no probability any more.

        See Also
        --------
        backward : The gradient, from the tape.

        Examples
        --------
        >>> cyrnn.nn.Dropout(0.1).forward(np.ones((7, 4, 5), np.float32), dropout_rng=1)[1]
        <tape of Dropout: (7, 4, 5)>
        """
        function = "Dropout.forward"
        x = _check_sequential.floats(function, "input", input, (), "")
        generator = None if dropout_rng is None else _check.generator(function, "dropout_rng", dropout_rng)
        return self._run(x, generator, self.batch_first)

    def backward(self, tape: DropoutTape, d_output: ArrayLike) -> InputGradients:
        """Return the gradient of a pass of `forward`: d_output, times the same factors.

        Parameters
        ----------
        tape : DropoutTape
            The last of what `forward` returned.
        d_output : ndarray of the shape of output
            Gradient of the loss with respect to output.

        Returns
        -------
        InputGradients
            A named tuple: `input`; `weights`, an empty dict.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind.

        See Also
        --------
        forward : What makes the tape.

        Examples
        --------
        >>> dropout = cyrnn.nn.Dropout(0.5)
        >>> y, tape = dropout.forward(np.ones(8), dropout_rng=0)
        >>> np.array_equal(dropout.backward(tape, np.ones(8)).input, y)
        True
        """
        function = "Dropout.backward"
        _check_sequential.tape_of(function, tape, DropoutTape)
        d = _check_sequential.gradient(function, d_output, tape.shape, tape.dtype)
        return InputGradients(d.copy() if tape.noise is None else noisy(d, tape.noise), {})

    def _run(
        self, x: NDArray[Any], generator: np.random.Generator | None, batch_first: bool
    ) -> tuple[NDArray[Any], DropoutTape]:
        p = _check.probability("Dropout.forward", "p", self.p)
        if generator is None or not p:
            return x, DropoutTape(None, x.shape, x.dtype)
        swapped = batch_first and x.ndim == 3
        with DefaultEnvironment():
            noise = factors((*x.shape[1::-1], *x.shape[2:]) if swapped else x.shape, p, x.dtype, generator)
        noise = noise.swapaxes(0, 1) if swapped else noise
        return noisy(x, noise), DropoutTape(noise, x.shape, x.dtype)

    def __repr__(self) -> str:
        return f"Dropout(p={self.p}{', batch_first=True' if self.batch_first else ''})"


ALSO["Dropout"] = Dropout
