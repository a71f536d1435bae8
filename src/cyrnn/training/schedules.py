"""Schedules: functions of the number of steps taken, 0, 1, ..., that say the learning rate of the next.

They add, multiply and divide, each rounded as IEEE 754 says, and call nothing of the system's: the bits are the same
on every machine.
"""

from __future__ import annotations

from collections.abc import Callable

from . import _check_optimizers as _check

Schedule = Callable[[int], float]


def step_lr(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """Return the schedule lr * gamma ** (t // step_size).

    Parameters
    ----------
    lr : float
        The learning rate to begin with, at least 0.
    step_size : int
        After how many steps it changes, at least 1.
    gamma : float
        By what factor, at least 0.

    Returns
    -------
    callable
        For `lr=` of an optimizer.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    exponential_lr : A factor after every step.
    linear_warmup : Small rates to begin with.

    References
    ----------
    torch.optim.lr_scheduler.StepLR.

    Examples
    --------
    >>> from cyrnn.training import step_lr
    >>> schedule = step_lr(0.5, 10, gamma=0.5)
    >>> schedule(9), schedule(10), schedule(20)
    (0.5, 0.25, 0.125)
    """
    rate, factor = _check.rate("step_lr", "lr", lr), _check.rate("step_lr", "gamma", gamma)
    size = _check.count("step_lr", "step_size", step_size)
    return lambda t: rate * power(factor, t // size)


def exponential_lr(lr: float, gamma: float) -> Schedule:
    """Return the schedule lr * gamma ** t.

    Parameters
    ----------
    lr, gamma : float
        The learning rate to begin with, and the factor of every step, at least 0 each.

    Returns
    -------
    callable
        For `lr=` of an optimizer.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    step_lr : A factor now and then.
    linear_warmup : Small rates to begin with.

    References
    ----------
    torch.optim.lr_scheduler.ExponentialLR.

    Examples
    --------
    >>> from cyrnn.training import exponential_lr
    >>> exponential_lr(1.0, 0.5)(3)
    0.125
    """
    rate, factor = _check.rate("exponential_lr", "lr", lr), _check.rate("exponential_lr", "gamma", gamma)
    return lambda t: rate * power(factor, t)


def cosine_annealing_lr(lr: float, T_max: int, eta_min: float = 0) -> Schedule:
    """Return the schedule eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2.

    Parameters
    ----------
    lr : float
        The learning rate of step 0, at least 0.
    T_max : int
        The step of the smallest rate, at least 1. Behind it the rate rises again, as torch's does.
    eta_min : float
        The learning rate of step T_max, at least 0.

    Returns
    -------
    callable
        For `lr=` of an optimizer.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    exponential_lr : A factor after every step.
    linear_warmup : Small rates to begin with.

    References
    ----------
    torch.optim.lr_scheduler.CosineAnnealingLR.

    Examples
    --------
    >>> from cyrnn.training import cosine_annealing_lr
    >>> schedule = cosine_annealing_lr(1.0, 100)
    >>> schedule(0), schedule(50), schedule(100)
    (1.0, 0.5, 0.0)
    """
    function = "cosine_annealing_lr"
    rate, least = _check.rate(function, "lr", lr), _check.rate(function, "eta_min", eta_min)
    period = _check.count(function, "T_max", T_max)
    return lambda t: least + (rate - least) * (1 + _cos_pi(t, period)) / 2


def linear_warmup(lr: float | Schedule, steps: int) -> Schedule:
    """Return the schedule lr * min(1, (t + 1) / steps).

    Parameters
    ----------
    lr : float or callable
        The learning rate after the warm-up; or a schedule, which counts from step 0, too.
    steps : int
        The first that has the whole rate, at least 1.

    Returns
    -------
    callable
        For `lr=` of an optimizer.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    cosine_annealing_lr : A schedule for the steps behind.

    Notes
    -----
    As torch.optim.lr_scheduler.LinearLR with start_factor = 1 / steps and total_iters = steps - 1.

    Examples
    --------
    >>> from cyrnn.training import linear_warmup
    >>> schedule = linear_warmup(0.5, 4)
    >>> [schedule(t) for t in range(5)]
    [0.125, 0.25, 0.375, 0.5, 0.5]
    """
    rate, count = _check.rate_or_schedule("linear_warmup", lr), _check.count("linear_warmup", "steps", steps)

    def schedule(t: int) -> float:
        value = rate(t) if callable(rate) else rate
        return value * (t + 1) / count if t + 1 < count else value

    return schedule


def power(base: float, exponent: int) -> float:
    """Return base ** exponent by products alone: that of the system has other bits on another."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


def _cos_pi(t: int, period: int) -> float:
    """Return cos(pi t / period), by the series of sine and cosine up to pi / 4."""
    t %= 2 * period
    t = min(t, 2 * period - t)  # from 0 to period
    sign, t = (1.0, t) if 2 * t <= period else (-1.0, period - t)  # from 0 to period / 2
    if 4 * t <= period:
        x = PI * t / period
        return sign * _series(x, 1.0, 1)
    x = PI * (period - 2 * t) / (2 * period)
    return sign * _series(x, x, 2)


PI = 3.141592653589793


def _series(x: float, first: float, k: int) -> float:
    """Return first (1 - x^2 / k (k + 1) (1 - x^2 / (k + 2) (k + 3) (...))): sin of x for x, 2, and cos for 1, 1."""
    result, xx = 1.0, x * x
    for i in range(k + 18, k - 1, -2):
        result = 1 - xx / (i * (i + 1)) * result
    return first * result
