"""Adam: Kingma and Ba 2015, as the notebooks have it, with epsilon inside the square root."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from .. import _check
from .._check_quantized import trained
from .._convert import computed_in

Arrays = dict[str, Any]


def initialize_adam(parameters: Mapping[str, Any]) -> tuple[Arrays, Arrays]:
    """Return the averages v and s that Adam starts from: zeros for the gradient of every parameter.

    Parameters
    ----------
    parameters : mapping
        Arrays under any keys.

    Returns
    -------
    v : dict
        Under `"d" + key`, zeros of the shape of `parameters[key]`; float32 for float32 and float16, float64
        for all others.
    s : dict
        The same once more.

    Raises
    ------
    TypeError
        If parameters is not a mapping from strings to arrays of real numbers, or is of a quantised model.

    See Also
    --------
    update_parameters_with_adam : One step with them.
    cyrnn.training.Adam : An optimizer over modules of `cyrnn.nn`.

    References
    ----------
    Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.

    Examples
    --------
    >>> v, s = initialize_adam({"W1": np.ones((1, 2))})
    >>> v
    {'dW1': array([[0., 0.]])}
    """
    function = "initialize_adam"
    arrays = _arrays(function, "parameters", parameters)
    trained(function, "parameters", parameters, arrays)
    v, s = (
        {f"d{key}": np.zeros(array.shape, array.dtype) for key, array in arrays.items()} for _ in range(2)
    )
    return v, s


def update_parameters_with_adam(
    parameters: MutableMapping[str, Any],
    grads: Mapping[str, Any],
    v: MutableMapping[str, Any],
    s: MutableMapping[str, Any],
    t: float,
    learning_rate: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[MutableMapping[str, Any], MutableMapping[str, Any], MutableMapping[str, Any]]:
    """Take one step of Adam for every parameter that has a gradient.

    Update t changes a parameter p by its gradient g::

        v     = beta1 v + (1 - beta1) g            s     = beta2 s + (1 - beta2) g^2
        v_hat = v / (1 - beta1^t)                  s_hat = s / (1 - beta2^t)
        p     = p - learning_rate * v_hat / sqrt(s_hat + epsilon)

    Parameters
    ----------
    parameters : dict
        The parameters; the dict is updated to hold new arrays.
    grads : mapping
        Gradients under `"d" + key`, of the parameters' shapes, as the backward functions return them; other keys
        (`dx`, `da0`) are passed over. Those of the head (`dWy` or `dWya`, `dby`) are for the caller to add.
    v, s : dict
        The averages under `"d" + key`; the dicts are updated to hold new arrays.
    t : int
        The number of this update, from 1.
    learning_rate : float
        The length of a step where all gradients agree.
    beta1, beta2 : float
        How much of the averages is kept, at least 0 and less than 1.
    epsilon : float
        What is added within the root. 1e-16 is torch's 1e-8: see Notes.

    Returns
    -------
    parameters : dict
        The dict that was given, updated.
    v, s : dict
        The dicts that were given, updated.

    Raises
    ------
    ValueError
        If a shape differs from its parameter's, t is less than 1, or beta1 or beta2 is out of range.
    TypeError
        If parameters, v or s cannot be written to (as the result of `pack`), or for a wrong dtype or kind.
    KeyError
        If v or s lacks the key of a gradient, or a gradient stands under the name of its parameter, without the "d".

    See Also
    --------
    initialize_adam : The averages v and s to begin with.
    cyrnn.training.Adam : An optimizer over modules of `cyrnn.nn`, with epsilon outside of the root.

    Notes
    -----
    The old arrays are never written to. Parameters without a gradient stay as they are, without a word: with
    the keys of grads misspelt, nothing is learned. The gradients of `cyrnn.nn` have the names of the weights and want
    a "d" before them. Where anything is wrong, nothing is changed.

    Each parameter keeps its dtype, and gives it to its averages: those of a float32 parameter are float32, whatever
    the dtype of its gradient, or of an average from elsewhere. (float16 becomes float32; integers become float64.)

    Inside the square root an epsilon of 1e-8 is what 1e-4 is outside of it, where Kingma and Ba and torch have theirs:
    steps shrink for gradients below 1e-4, which those of a mean over a batch soon are. A character model came to a loss
    of 1.646 with the default, of 1.449 with `epsilon=1e-16`, and in torch of 1.497. The default is the notebook's.

    References
    ----------
    Kingma and Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980, algorithm 1, except that epsilon
    is added inside the square root.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0, 2.0]])}
    >>> v, s = initialize_adam(parameters)
    >>> grads = {"dW1": np.array([[3.0, -3.0]])}
    >>> parameters, v, s = update_parameters_with_adam(parameters, grads, v, s, t=1)
    >>> parameters["W1"].round(6)
    array([[0.99, 2.01]])
    """
    function = "update_parameters_with_adam"
    for argument, value in (("parameters", parameters), ("v", v), ("s", s)):
        _check.mutable_mapping(function, argument, value)
    matched = _matched(function, parameters, grads, v, s)
    t = _check.number(function, "t", t, least=1)
    rate = _check.number(function, "learning_rate", learning_rate)
    beta1 = _check.number(function, "beta1", beta1, least=0, below=1)
    beta2 = _check.number(function, "beta2", beta2, least=0, below=1)
    epsilon = _check.number(function, "epsilon", epsilon)
    updated = {key: _step(arrays, t, rate, beta1, beta2, epsilon) for key, arrays in matched.items()}
    for key, (p_new, v_new, s_new) in updated.items():
        parameters[key], v[f"d{key}"], s[f"d{key}"] = p_new, v_new, s_new
    return parameters, v, s


def _step(
    arrays: list[Any], t: float, rate: float, beta1: float, beta2: float, epsilon: float
) -> tuple[Any, Any, Any]:
    """Return the new p, v and s of one parameter: the equations of `update_parameters_with_adam`."""
    p, g, v, s = arrays
    with np.errstate(all="ignore"):
        v = beta1 * v + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        v_hat = v / (1 - beta1**t)
        s_hat = s / (1 - beta2**t)
        return p - rate * v_hat / np.sqrt(s_hat + epsilon), v, s


def _arrays(function: str, argument: str, given: object) -> Arrays:
    """Return every value of a mapping as an array."""
    values = _check.mapping(function, argument, given)
    _check.string_keys(function, argument, values)
    return {key: _array(function, f'{argument}["{key}"]', value) for key, value in values.items()}


def _array(function: str, argument: str, value: object) -> Any:
    """Return value as an array of float32 or float64."""
    array = _check.as_array(function, argument, value)
    return array.astype(computed_in(array.dtype), copy=False)


def _matched(
    function: str, parameters: Mapping[str, Any], grads: object, v: Mapping[str, Any], s: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Return the arrays of each parameter that has a gradient: itself, its gradient, its two averages."""
    gradients = _check.mapping(function, "grads", grads)
    _check.string_keys(function, "parameters", parameters)
    bare = [key for key in parameters if key in gradients and not (key.startswith("d") and key[1:] in parameters)]
    keys = [key for key in parameters if f"d{key}" in gradients or key in bare]  # a bare name: its "d" was forgotten
    trained(function, "parameters", parameters, keys)
    for argument, averages in (("grads", gradients), ("v", v), ("s", s)):
        _check.require_keys(function, argument, averages, [f"d{key}" for key in keys])
    matched: dict[str, list[Any]] = {}
    for key in keys:
        own = f'parameters["{key}"]'
        matched[key] = [_array(function, own, parameters[key])]
        dtype = matched[key][0].dtype
        for argument, arrays in (("grads", gradients), ("v", v), ("s", s)):
            name = f'{argument}["d{key}"]'
            array = _array(function, name, arrays[f"d{key}"])
            _check.same_shape(function, name, array, own, matched[key][0])
            if array.dtype != dtype:
                with np.errstate(all="ignore"):  # what float32 cannot hold is inf in it
                    array = array.astype(dtype)
            matched[key].append(array)
    return matched
