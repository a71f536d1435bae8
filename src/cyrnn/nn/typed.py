"""Types of what models take and give, for people and their type checkers; nothing of this is done at run time.

`F` is the dtype of a model and of all that it gives, `S` its state: an array, or for an LSTM the pair (h, c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typing import Any, Literal

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    F = TypeVar("F", bound=np.floating[Any], default=np.float32)
    S = TypeVar("S", default=Any)
    One: TypeAlias = NDArray[F]
    Pair: TypeAlias = tuple[NDArray[F], NDArray[F]]
else:  # the default of a TypeVar came with Python 3.13
    from typing import TypeVar

    F, S = TypeVar("F"), TypeVar("S")
    One = Pair = tuple  # subscripted in the head of a class, and never read

DType: TypeAlias = "type[F] | np.dtype[F]"  # of what a constructor is given; a string has no type that says which
Gates: TypeAlias = "list[dict[str, NDArray[F]]]"
Cells: TypeAlias = "list[NDArray[F]]"
ResetTo: TypeAlias = "Literal['zeros', 'hx']"
