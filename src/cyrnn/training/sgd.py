"""SGD, as torch.optim has it."""

from __future__ import annotations

from typing import Any, ClassVar

from . import _check_optimizers as _check
from .optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum.

    A step changes a weight w by its gradient g::

        g = g + weight_decay w
        b = momentum b + (1 - dampening) g      (b = g in the first step; without momentum b is g)
        w = w - lr b                            (nesterov: w - lr (g + momentum b))

    Parameters
    ----------
    modules : module or list of modules
        Of `cyrnn.nn`: whose weights are trained.
    lr : float or callable
        The learning rate, at least 0; or a schedule: called with the number of steps taken, 0, 1, ..., it says that of
        the next.
    momentum : float
        What share of the last change is part of the next one; at least 0.
    dampening : float
        By how much the gradient counts less in what momentum keeps; at least 0.
    weight_decay : float
        What share of a weight is added to its gradient; at least 0.
    nesterov : bool
        Whether the step goes ahead by momentum once more; it wants momentum, and no dampening.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above, a module is given twice, or has integers for weights.

    See Also
    --------
    Adam : Steps of about the same size for every weight.
    clip_grad_norm : Gradients that are not too long.
    step_lr : A schedule for `lr`.

    References
    ----------
    torch.optim.SGD, PyTorch 2.

    Examples
    --------
    >>> from cyrnn.training import SGD, mse_loss
    >>> model = cyrnn.nn.Linear(2, 1, rng=0)
    >>> optimizer = SGD(model, lr=0.1, momentum=0.9)
    >>> x, target = np.eye(2, dtype=np.float32), np.float32([[1], [-1]])
    >>> for _ in range(100):
    ...     y, tape = model.forward(x)
    ...     loss, d = mse_loss(y, target)
    ...     optimizer.step(model.backward(tape, d))
    >>> loss < 1e-3
    True
    """

    _method: ClassVar = "sgd"

    def __init__(
        self,
        modules: Any,
        lr: Any = 1e-3,
        *,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        self._momentum = _check.rate("SGD", "momentum", momentum)
        self._dampening = _check.rate("SGD", "dampening", dampening)
        self._decay = _check.rate("SGD", "weight_decay", weight_decay)
        self._nesterov = _check.flag("SGD", "nesterov", nesterov)
        if self._nesterov:
            _check.nesterov("SGD", self._momentum, self._dampening)
        super().__init__(modules, lr, ("momentum_buffer" if self._momentum else None,))

    def _options(self) -> dict[str, Any]:
        return {
            "momentum": self._momentum,
            "dampening": self._dampening,
            "weight_decay": self._decay,
            "nesterov": self._nesterov,
        }

    def _numbers(self, lr: float, count: int) -> tuple[float, ...]:
        kept, fresh = (0.0, 1.0) if count == 1 else (self._momentum, 1 - self._dampening)
        return lr, self._decay, kept, fresh, self._momentum, float(self._nesterov)
