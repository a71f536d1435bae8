"""Files of safetensors: the length of a header, the header in JSON, then the bytes of all tensors.

https://huggingface.co/docs/safetensors: what its own reader refuses is refused here, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..cells.spec import Array
from .contents import ABOUT, Contents, Memory, bytes_at, bytes_of, size_of, widened
from .protobuf import Malformed

#: bfloat16 has no dtype in NumPy: its bits
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?", "U8": "u1", "I8": "i1"}
DTYPES |= {f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "UI" for bits in (16, 32, 64)}
_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items() if name != "BF16"}
#: the longest header that the format allows, in bytes
LONGEST = 100_000_000


class _Tensor(NamedTuple):
    dtype: str
    shape: list[int]
    begin: int
    end: int


def write(file: BinaryIO, weights: Mapping[str, Array], about: str) -> None:
    """Write weights; the header has a multiple of 8 bytes, so that tensors are aligned."""
    header: dict[str, Any] = {"__metadata__": {ABOUT: about}} if about else {}
    at = 0
    for name, value in weights.items():
        header[name] = {"dtype": _NAMES[value.dtype], "shape": value.shape, "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for value in weights.values():
        file.write(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)


def contents(file: BinaryIO) -> Contents:
    """Return the tensors of a file by their names."""
    length = int.from_bytes(bytes_at(file, 0, 8).tobytes(), "little")
    if length > LONGEST:
        raise Malformed(0, f"the header claims {length} bytes, expected at most {LONGEST}")
    try:
        header = json.loads(bytes_at(file, 8, length).tobytes(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(8, f"the header is no JSON: {error}") from None
    if not isinstance(header, dict):
        raise Malformed(8, "the header is no JSON object")
    metadata = header.pop("__metadata__", {})
    about = metadata.get(ABOUT, "") if isinstance(metadata, dict) else None
    if not isinstance(about, str):
        raise Malformed(8, "__metadata__ is not of strings")
    tensors = {name: _tensor(name, entry) for name, entry in header.items()}
    end = 0  # tensors that share bytes would make a small file a large model
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].begin):
        if tensor.begin < end or 8 + length + tensor.end > size_of(file):
            has = size_of(file) - 8 - length
            why = "another tensor has, too" if tensor.begin < end else f"of which there are {has}"
            raise Malformed(8, f"{name!r} claims the bytes {tensor.begin} to {tensor.end}, {why}")
        end = tensor.end

    memory = Memory(size_of(file))

    def read(name: str) -> Array:
        dtype, shape, begin, end = tensors[name]
        found = bytes_at(file, 8 + length + begin, end - begin, memory).view(DTYPES[dtype]).reshape(shape)
        return widened(found) if dtype == "BF16" else found

    return Contents(list(tensors), read, about)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed(8, "a name stands in the header twice")
    return found


def _tensor(name: str, entry: Any) -> _Tensor:
    """Read what the header says of a tensor."""
    given = entry if isinstance(entry, dict) else {}
    shape, offsets, dtype = (given.get(key, ()) for key in ("shape", "data_offsets", "dtype"))
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or any(type(n) is not int or n < 0 for n in numbers):
            raise Malformed(8, f"{name!r} has no shape or no data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise Malformed(8, f"{name!r} has the dtype {dtype!r}, expected one of {', '.join(DTYPES)}")
    if len(offsets) != 2 or offsets[1] - offsets[0] != bytes_of(shape, np.dtype(DTYPES[dtype]).itemsize, 8):
        raise Malformed(8, f"{name!r} of {dtype} {shape} has the data_offsets {offsets}, which do not fit")
    return _Tensor(dtype, shape, *offsets)
