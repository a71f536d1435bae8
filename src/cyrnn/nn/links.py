"""The modules of a Sequential, each as a link of a chain: what it takes and gives, and its calls within a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..calls.stack import noisy
from . import _check_sequential
from .dropout import Dropout
from .embedding import Embedding
from .last_step import LastStep
from .layer_norm import LayerNorm
from .linear import Linear
from .recurrent import Recurrent

if TYPE_CHECKING:
    import numpy as np


class Pass(NamedTuple):
    """What is said of a whole pass, for all modules."""

    lengths: Any
    reset: Any
    reset_to: Any
    batch_first: bool
    rng: np.random.Generator | None = None


class Link:
    """One module in a chain. Its weights are under `name` and a dot."""

    #: whether it has a state
    recurrent = False
    #: whether it is of one step alone
    over = True

    def __init__(self, name: str, module: Any) -> None:
        self.name, self.module = name, module

    @property
    def takes(self) -> int | None:
        """How many features it takes; None where that is any number."""
        return None

    def gives(self, size: int | None) -> int | None:
        """How many features it gives for so many."""
        return size

    if TYPE_CHECKING:

        def forward(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any, Any]:
            """Return output, state and tape."""

        def backward(self, tape: Any, d: Any, d_state: Any) -> tuple[Any, Any, dict[str, Any]]:
            """Return the gradients of the input, of the state and of the weights."""

    def call(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any]:
        """Return the output and the state, None where there is none."""
        return x, None

    def step(self, x: Any, state: Any, reset: Any) -> tuple[Any, Any]:
        return x, None


class RecurrentLink(Link):
    recurrent = True

    @property
    def takes(self) -> int:
        return self.module.input_size  # type: ignore[no-any-return]  # an int

    def gives(self, size: int | None) -> int:
        plan = self.module._plan
        return plan.directions * plan.output_size  # type: ignore[no-any-return]  # an int

    def call(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any]:
        return self.module(x, hx, **_options(given))  # type: ignore[no-any-return]  # a pair

    def forward(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any, Any]:
        options = _options(given)
        if given.rng is not None and self.module.dropout and self.module.num_layers > 1:
            options["dropout_rng"] = given.rng
        return self.module.forward(x, hx, **options)  # type: ignore[no-any-return]  # three

    def backward(self, tape: Any, d: Any, d_state: Any) -> tuple[Any, Any, dict[str, Any]]:
        return self.module.backward(tape, d, d_state)  # type: ignore[no-any-return]  # three

    def step(self, x: Any, state: Any, reset: Any) -> tuple[Any, Any]:
        return self.module.step(x, state, reset=reset)  # type: ignore[no-any-return]  # a pair


class HeadLink(Link):
    """Linear and its like: the same for every row."""

    @property
    def takes(self) -> int | None:
        return self.module.in_features  # type: ignore[no-any-return]  # an int

    def gives(self, size: int | None) -> int | None:
        return self.module.out_features  # type: ignore[no-any-return]  # an int

    def call(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any]:
        module = self.module
        if given.lengths is None or not self.over:
            return module(x), None
        name, (layer,) = type(module).__name__, module._sublayers
        return module._run(name, layer, x, given.lengths, given.batch_first)[0], None

    def forward(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any, Any]:
        module = self.module
        function, (layer,) = f"{type(module).__name__}.forward", module._sublayers
        module._trained(function)
        output, tape = module._run(function, layer, x, given.lengths if self.over else None, given.batch_first)
        return output, None, tape

    def backward(self, tape: Any, d: Any, d_state: Any) -> tuple[Any, Any, dict[str, Any]]:
        found = self.module.backward(tape, d)
        return found.input, None, found.weights

    def step(self, x: Any, state: Any, reset: Any) -> tuple[Any, Any]:
        return self.module(x), None


class LayerNormLink(HeadLink):
    @property
    def takes(self) -> int:
        return self.module._plan.features  # type: ignore[no-any-return]  # an int

    def gives(self, size: int | None) -> int:
        return self.takes


class EmbeddingLink(HeadLink):
    @property
    def takes(self) -> None:
        return None

    def gives(self, size: int | None) -> int:
        return self.module.embedding_dim  # type: ignore[no-any-return]  # an int

    def backward(self, tape: Any, d: Any, d_state: Any) -> tuple[Any, Any, dict[str, Any]]:
        return None, None, self.module.backward(tape, d).weights


class DropoutLink(Link):
    def forward(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any, Any]:
        x = _check_sequential.floats("Dropout.forward", "input", x, (), "")
        output, tape = self.module._run(x, given.rng, given.batch_first)
        return output, None, tape

    def backward(self, tape: Any, d: Any, d_state: Any) -> tuple[Any, Any, dict[str, Any]]:
        if tape.noise is None:
            return d, None, {}
        return noisy(_check_sequential.gradient("Dropout.backward", d, tape.shape, tape.dtype), tape.noise), None, {}


class LastStepLink(Link):
    #: whether what comes is of a layer in both directions
    halves = False

    def call(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any]:
        halves = self.halves or self.module.bidirectional
        return self.module._run("LastStep", x, given.lengths, given.batch_first, halves)[0], None

    def forward(self, x: Any, hx: Any, given: Pass) -> tuple[Any, Any, Any]:
        halves = self.halves or self.module.bidirectional
        output, tape = self.module._run("LastStep.forward", x, given.lengths, given.batch_first, halves)
        return output, None, tape

    def backward(self, tape: Any, d: Any, d_state: Any) -> tuple[Any, Any, dict[str, Any]]:
        return self.module.backward(tape, d).input, None, {}


def _options(given: Pass) -> dict[str, Any]:
    """Return the keywords that recurrent layers are called with."""
    options = {} if given.lengths is None else {"lengths": given.lengths}
    return options if given.reset is None else options | {"reset": given.reset, "reset_to": given.reset_to}


#: class of a module -> what it is in a chain
LINKS: dict[type, type[Link]] = {
    Recurrent: RecurrentLink,
    Linear: HeadLink,
    Embedding: EmbeddingLink,
    LayerNorm: LayerNormLink,
    Dropout: DropoutLink,
    LastStep: LastStepLink,
}
#: the classes as a sentence names them
KNOWN = ("RNN", "LSTM", "GRU", "Linear", "Embedding", "LayerNorm", "Dropout", "LastStep", "Sequential")


def has_weights(link: Link) -> bool:
    return not isinstance(link, (DropoutLink, LastStepLink))


def weighted(chain: Sequence[Link]) -> list[Link]:
    return [link for link in chain if has_weights(link)]


def shapes_of(link: Link) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a module by their names."""
    return dict(link.module._plan.shapes) if has_weights(link) else {}


def integers_of(link: Link) -> Any:
    """Return the dtype of weights that are integers; None where there are none."""
    return getattr(link.module._plan, "integers", None)


def assembled(flat: Iterator[tuple[str, Any]]) -> tuple[Link, ...]:
    """Return the links of modules, given by their names; refuse those that do not fit each other."""
    links: list[Link] = []
    for name, module in flat:
        kind = next((link for known, link in LINKS.items() if isinstance(module, known)), None)
        if kind is None:
            _check_sequential.no_module(name, module, KNOWN)
        links.append(kind(name, module))
    own = weighted(links)
    if not own:
        _check_sequential.none_with_weights()
    for i, link in enumerate(own):
        first = next((other for other in own[:i] if other.module is link.module), None)
        if first is not None:
            _check_sequential.twice(link.name, first.name, link.module)
    one_dtype(own)
    _fit(links)
    steps_first = next((link for link in links if link.recurrent and not link.module.batch_first), None)
    if not batch_first(links) and steps_first is not None:
        for link in links:
            if getattr(link.module, "batch_first", False):
                _check_sequential.orders(True, link.name, steps_first.name)
    return tuple(links)


def one_dtype(own: Sequence[Link]) -> None:
    """Refuse modules of two dtypes; one inside may have been cast alone."""
    for link in own:
        if link.module.dtype != own[0].module.dtype:
            _check_sequential.dtypes(link.name, link.module, own[0].name, own[0].module)


def _fit(links: Sequence[Link]) -> None:
    """Refuse modules whose sizes do not fit; tell those behind LastStep, and LastStep itself, what comes."""
    size: int | None = None
    sized = last = None
    both = False
    for i, link in enumerate(links):
        if isinstance(link, EmbeddingLink) and i:
            _check_sequential.indices(link.name, link.module)
        if last is not None and (link.recurrent or isinstance(link, LastStepLink)):
            _check_sequential.no_steps(link.name, link.module, last.name)
        if link.takes is not None and size is not None and link.takes != size and sized is not None:
            _check_sequential.sizes(link.name, link.module, link.takes, sized.name, sized.module, size)
        if isinstance(link, LastStepLink):
            link.halves, last = both, link
        elif not isinstance(link, DropoutLink):
            both = link.recurrent and link.module.bidirectional
        link.over = last is None or link is last
        size = link.gives(size)
        sized = link if link.takes is not None or isinstance(link, EmbeddingLink) else sized


def batch_first(links: Sequence[Link]) -> bool:
    """Return the order of axes of the recurrent layers; where there are none, that of the first module that has one."""
    found = [link for link in links if link.recurrent] or links[:1]
    for link in found[1:]:
        if link.module.batch_first != found[0].module.batch_first:
            _check_sequential.orders(link.module.batch_first, link.name, found[0].name)
    return found[0].module.batch_first  # type: ignore[no-any-return]  # a bool
