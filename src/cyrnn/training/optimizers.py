"""RMSprop, Adam and AdamW, as torch.optim has them; and SGD, of sgd.py."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from . import _check_optimizers as _check
from .optimizer import Optimizer
from .schedules import power
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "RMSprop"]


class RMSprop(Optimizer):
    """Gradients divided by the root of the mean of their squares.

    A step changes a weight w by its gradient g::

        g = g + weight_decay w
        s = alpha s + (1 - alpha) g^2
        a = alpha a + (1 - alpha) g             (centered; else a = 0)
        b = momentum b + g / (sqrt(s - a^2) + eps)
        w = w - lr b

    Parameters
    ----------
    modules : module or list of modules
        Of `cyrnn.nn`: whose weights are trained.
    lr : float or callable
        The learning rate, at least 0, or a schedule, as for `SGD`.
    alpha : float
        How much of the averages is kept, from 0 on and less than 1.
    eps : float
        What is added to the root, at least 0.
    weight_decay : float
        What share of a weight is added to its gradient; at least 0.
    momentum : float
        What share of the last change is part of the next one; at least 0.
    centered : bool
        Whether the mean of the gradients is taken off.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above, a module is given twice, or has integers for weights.

    See Also
    --------
    Adam : The same idea with a mean of the gradients, both corrected for their start at zero.
    SGD : Gradients as they are.

    References
    ----------
    torch.optim.RMSprop, PyTorch 2; Hinton 2012, lecture 6 of "Neural networks for machine learning".

    Examples
    --------
    >>> from cyrnn.training import RMSprop
    >>> RMSprop(cyrnn.nn.Linear(2, 1, rng=0), centered=True).lr
    0.01
    """

    _method: ClassVar = "rmsprop"

    def __init__(
        self,
        modules: Any,
        lr: Any = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        self._alpha = _check.fraction("RMSprop", "alpha", alpha)
        self._eps = _check.rate("RMSprop", "eps", eps)
        self._decay = _check.rate("RMSprop", "weight_decay", weight_decay)
        self._momentum = _check.rate("RMSprop", "momentum", momentum)
        mean = "grad_avg" if _check.flag("RMSprop", "centered", centered) else None
        super().__init__(modules, lr, ("square_avg", mean, "momentum_buffer" if self._momentum else None))

    def _options(self) -> dict[str, Any]:
        return {
            "alpha": self._alpha,
            "eps": self._eps,
            "weight_decay": self._decay,
            "momentum": self._momentum,
            "centered": self._names[1] is not None,
        }

    def _numbers(self, lr: float, count: int) -> tuple[float, ...]:
        return lr, self._decay, self._alpha, self._eps, self._momentum


class Adam(Optimizer):
    """Adam, with epsilon outside of the root, as in the paper and in torch.

    Step t, from 1, changes a weight w by its gradient g::

        g = g + weight_decay w
        m = beta1 m + (1 - beta1) g             v = beta2 v + (1 - beta2) g^2
        w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Parameters
    ----------
    modules : module or list of modules
        Of `cyrnn.nn`: whose weights are trained.
    lr : float or callable
        The learning rate, at least 0, or a schedule, as for `SGD`.
    betas : tuple of two float
        How much of the averages is kept, each from 0 on and less than 1.
    eps : float
        What is added to the root, at least 0.
    weight_decay : float
        What share of a weight is added to its gradient; at least 0.
    amsgrad : bool
        Whether the largest v so far takes the place of v.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above, a module is given twice, or has integers for weights.

    See Also
    --------
    AdamW : Weights decay by themselves, not through their gradients.
    SGD : Gradients as they are, with momentum.
    update_parameters_with_adam : That of the course, for the dicts of the notebook's functions.

    References
    ----------
    Kingma and Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980, algorithm 1; torch.optim.Adam,
    PyTorch 2.

    Examples
    --------
    >>> from cyrnn.training import Adam, clip_grad_norm, cross_entropy
    >>> lstm, head = cyrnn.nn.LSTM(3, 8, rng=0), cyrnn.nn.Linear(8, 2, rng=0)
    >>> optimizer = Adam([lstm, head], lr=0.01)
    >>> x, targets = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32), np.array([0, 1, 1, 0])
    >>> for _ in range(100):
    ...     output, state, tape = lstm.forward(x)
    ...     logits, head_tape = head.forward(output[-1])
    ...     loss, d_logits = cross_entropy(logits, targets)
    ...     of_head = head.backward(head_tape, d_logits)
    ...     d_output = np.zeros_like(output)
    ...     d_output[-1] = of_head.input
    ...     gradients = [lstm.backward(tape, d_output), of_head]
    ...     norm = clip_grad_norm(gradients, 1.0)
    ...     optimizer.step(gradients)
    >>> loss < 0.1
    True
    """

    _method: ClassVar = "adam"

    def __init__(
        self,
        modules: Any,
        lr: Any = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
    ) -> None:
        function = type(self).__name__
        self._betas = _check.betas(function, betas)
        self._eps = _check.rate(function, "eps", eps)
        self._decay = _check.rate(function, "weight_decay", weight_decay)
        largest = "max_exp_avg_sq" if _check.flag(function, "amsgrad", amsgrad) else None
        super().__init__(modules, lr, ("exp_avg", "exp_avg_sq", largest))

    def _options(self) -> dict[str, Any]:
        return {
            "betas": self._betas,
            "eps": self._eps,
            "weight_decay": self._decay,
            "amsgrad": self._names[2] is not None,
        }

    def _numbers(self, lr: float, count: int) -> tuple[float, ...]:
        beta1, beta2 = self._betas
        step = lr / (1 - power(beta1, count))
        inverse_root = 1 / math.sqrt(1 - power(beta2, count))
        return step, *self._decays(lr), beta1, beta2, inverse_root, self._eps

    def _decays(self, lr: float) -> tuple[float, float]:
        """Return what of a weight is added to its gradient, and what of it is kept."""
        return self._decay, 1.0


class AdamW(Adam):
    """Adam whose weights decay by themselves, not through their gradients.

    A weight w becomes w - lr weight_decay w; then comes a step of `Adam` without weight_decay.

    Parameters
    ----------
    modules, lr, betas, eps, weight_decay, amsgrad
        As for `Adam`; weight_decay is 0.01 where it is left out.

    Raises
    ------
    ValueError, TypeError
        As `Adam` does.

    See Also
    --------
    Adam : The same steps, with weight_decay in the gradients.

    References
    ----------
    Loshchilov and Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101; torch.optim.AdamW, PyTorch 2.

    Examples
    --------
    >>> from cyrnn.training import AdamW
    >>> model = cyrnn.nn.Linear(1, 1, bias=False, rng=0)
    >>> model.weight[...] = 1
    >>> AdamW(model, lr=0.1, weight_decay=0.5).step({"weight": np.zeros((1, 1), np.float32)})
    >>> model.weight
    array([[0.95]], dtype=float32)
    """

    def __init__(
        self,
        modules: Any,
        lr: Any = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(modules, lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    def _decays(self, lr: float) -> tuple[float, float]:
        return 0.0, 1 - lr * self._decay
