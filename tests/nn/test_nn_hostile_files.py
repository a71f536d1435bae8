"""Files that are damaged, foreign or hostile: a ValueError names the place, and no claim costs more than the file."""

from __future__ import annotations

import contextlib
import io
import json
import random
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from onnx_writer import field, model, node, tensor

from cyrnn import nn

GRU = nn.GRU(2, 3, batch_first=True, rng=0)
ENDINGS = (".npz", ".safetensors", ".onnx")
each_ending = pytest.mark.parametrize("ending", ENDINGS)


def saved(tmp_path, ending, whole=GRU) -> bytes:
    whole.save(tmp_path / f"good{ending}")
    return (tmp_path / f"good{ending}").read_bytes()


def refused(tmp_path, ending, data: bytes, at_most=1 << 20) -> str:
    """What nn.load says of a file, which costs no more memory than `at_most`."""
    path = tmp_path / f"bad{ending}"
    path.write_bytes(data)
    with contextlib.suppress(ValueError):
        nn.load(path)  # what is imported with it is none of the file's memory
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"^nn\.load: '.*bad\.\w+'") as caught:
            nn.load(path)
        assert tracemalloc.get_traced_memory()[1] < at_most
    finally:
        tracemalloc.stop()
    return str(caught.value).partition(f"bad{ending}'")[2].removeprefix(": ")


# ---- every format --------------------------------------------------------------------------------


@each_ending
def test_truncated_files_are_refused(tmp_path, ending):
    data = saved(tmp_path, ending)
    end = len(data) if ending != ".onnx" else data.index(b"__cyrnn__") - 4  # what is behind the graph is no weight
    for size in [*range(0, end, 31), end - 1]:
        refused(tmp_path, ending, data[:size])


@each_ending
def test_damaged_files_raise_nothing_but_value_errors(tmp_path, ending):
    data, path, dice = saved(tmp_path, ending), tmp_path / f"bad{ending}", random.Random(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "dropout option adds")
        for _ in range(1500):
            damaged = bytearray(data)
            for _ in range(dice.randint(1, 4)):
                damaged[dice.randrange(len(data))] = dice.randrange(256)
            path.write_bytes(damaged)
            said = ""
            try:
                nn.load(path)
            except ValueError as error:
                said = str(error)
            assert said.startswith("nn.load: " * bool(said))


FOREIGN = {
    "empty": (b"", ""),
    "text": (b"hello, world" * 9, ""),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(90), ": it looks like an .h5 file"),
    "pickle": (b"\x80\x04\x95" + bytes(90), ": it looks like a pickle"),
    "npy": (b"\x93NUMPY\x01\x00v\x00{" + bytes(90), ": it looks like a .npy file of one array: np.load reads it"),
    "gzip": (b"\x1f\x8b\x08" + bytes(90), ": it looks like compressed by gzip"),
}


@each_ending
@pytest.mark.parametrize(("data", "said"), FOREIGN.values(), ids=FOREIGN)
def test_files_of_another_format_are_named(tmp_path, ending, data, said):
    found = refused(tmp_path, ending, data)
    assert found.startswith("at byte ")
    assert found.endswith(said)


def test_formats_that_are_mistaken_for_each_other_are_named(tmp_path):
    data = {ending: saved(tmp_path, ending) for ending in ENDINGS}
    assert "as .npz, .keras and torch.save's are" in refused(tmp_path, ".safetensors", data[".npz"])
    assert "as .npz, .keras and torch.save's are" in refused(tmp_path, ".onnx", data[".npz"])
    assert refused(tmp_path, ".npz", data[".safetensors"]).endswith("it looks like a .safetensors file")
    assert "no archive" in refused(tmp_path, ".npz", data[".onnx"])


@pytest.mark.parametrize("name", ["weights.npz", "weights.safetensors"])
def test_weights_that_do_not_fit_are_all_named(tmp_path, name):
    other = nn.GRU(2, 3, rng=0)
    other.save(tmp_path / name)
    weights = other.state_dict()
    weights["weight_hh_l0"], weights["more"] = weights["weight_hh_l0"][:, :2], np.ones(2, np.float32)
    if name.endswith("npz"):
        np.savez(tmp_path / name, **weights)
    else:
        package = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
        package.save_file({key: value.copy() for key, value in weights.items()}, tmp_path / name)
    with pytest.raises(ValueError, match=r"nn\.load: .* does not fit: it has .*weight_hh_l0 \(9, 2\)"):
        nn.load(tmp_path / name)
    weights["weight_hh_l0"] = np.ones((9, 3), np.float32)
    if name.endswith("npz"):
        np.savez(tmp_path / name, **weights)
        with pytest.raises(ValueError, match=r"nn\.load: .*weights\.npz' does not fit: more is not one of its par"):
            nn.load(tmp_path / name)


OPTIONS = {
    "[]": "its options are no JSON object",
    "{": "its options are no JSON",
    "[" * 100_000: "its options are no JSON",
    '{"colour": 1}': "its option 'colour' is 1: of a newer cyrnn?",
    '{"batch_first": "yes"}': "its option 'batch_first' is 'yes'",
    '{"num_layers": 1000000000000}': "its option 'num_layers' is 1000000000000",
    '{"nonlinearity": "tanh"}': "its option 'nonlinearity' is none of GRU's",
    '{"clip": -1}': "GRU: clip is -1, expected a number above 0",
    '{"dropout": 7.5}': "GRU: dropout is 7.5, expected a number from 0 to 1",
    '{"activation": ["relu", 1, 2, 3]}': "GRU: activation has 3 constants behind 'relu'",
    '{"activation": []}': "GRU: activation is of type tuple, expected one of sigmoid, ",
    '{"activation": ["elu", {}]}': "GRU: activation[1] is of type dict, expected a finite number",
    '{"coupled": true, "reset_after": true}': "its option 'reset_after' is none of LSTM's",
}


@each_ending
@pytest.mark.parametrize(("text", "said"), OPTIONS.items(), ids=range(len(OPTIONS)))
def test_options_of_a_file_are_checked(tmp_path, ending, text, said):
    weights = GRU.state_dict()
    if ending == ".npz":
        data = io.BytesIO()
        np.savez(data, **weights, __cyrnn__=np.array(text))
        data = data.getvalue()
    elif ending == ".safetensors":
        data = saved(tmp_path, ending)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size]) | {"__metadata__": {"__cyrnn__": text}}
        data = tensors(header, data[8 + size :])
    else:
        data = saved(tmp_path, ending)
        data = data[: data.index(b"__cyrnn__") - 4] + field(14, field(1, "__cyrnn__") + field(2, text))
        if "coupled" in text:
            said = "the options that it keeps are others than the attributes of its nodes"
            text = '{"coupled": true}'
            data = data[: data.index(b"__cyrnn__") - 4] + field(14, field(1, "__cyrnn__") + field(2, text))
    assert refused(tmp_path, ending, data, 1 << 22).startswith(said)


# ---- .npz ----------------------------------------------------------------------------------------


def archive(compression=zipfile.ZIP_STORED, **members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as file:
        for name, value in members.items():
            file.writestr(f"{name}.npy", value)
    return data.getvalue()


def npy(text: str, data: bytes = b"", version=1) -> bytes:
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + data


def claims(shape: str, descr: str = "'<f4'", data: bytes = b"1234", version: int = 1) -> bytes:
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}", data, version)


HEADERS = {
    "2^40 elements": (claims("(1099511627776,)"), "has 4 bytes, expected 4398046511104"),
    "2^80 elements": (claims("(1208925819614629174706176,)"), "no array can have the shape"),
    "2^62 rows of nothing": (claims("(4611686018427387904, 0)", data=b""), "no array can have the shape"),
    "object": (claims("(1,)", "'|O'", b"\x80\x04."), "objects are pickles"),
    "long text": (claims("()", "'<U999999999999'", b""), "expected numbers"),
    "fields": (claims("(1,)", "[('a', '<f4')]"), "several fields"),
    "code": (claims("(1,)", "__import__('os').name"), "several fields"),
    "version": (claims("(1,)", version=9), "no header of NumPy's"),
    "no header": (b"\x93NUMPY\x01\x00v\x00{", "is no array of NumPy's"),
    "short header": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "has no header of NumPy's"),
    "nested": (npy("{" * 60000), "has no header of NumPy's"),
    "deep": (claims(f"({'1, ' * 40})"), "no array can have the shape"),
}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(("member", "said"), HEADERS.values(), ids=HEADERS)
def test_member_of_npz_that_claims_what_it_has_not_is_refused(tmp_path, compression, member, said):
    data = archive(compression, weight_ih_l0=member, weight_hh_l0=member)
    found = refused(tmp_path, ".npz", data)
    assert found.startswith("at byte ")
    assert "'weight_ih_l0.npy'" in found or said.startswith("no a")
    assert said in found


def test_member_of_npz_that_unpacks_to_too_much_is_not_unpacked(tmp_path):
    shape = "{'descr': '<f4', 'fortran_order': False, 'shape': (16777216,), }"
    data = archive(zipfile.ZIP_DEFLATED, weight_ih_l0=npy(shape, bytes(1 << 26)))
    assert len(data) < 1 << 17
    assert "unpack to more than 64 times the bytes of the file" in refused(tmp_path, ".npz", data)
    small = archive(zipfile.ZIP_DEFLATED, weight_ih_l0=npy(shape.replace("16777216", "16384"), bytes(1 << 16)))
    lies = small.replace(struct.pack("<I", (1 << 16) + len(npy(shape)) - 3), struct.pack("<I", 200))
    assert "cannot be unpacked" in refused(tmp_path, ".npz", lies) or lies == small


def test_members_of_npz_that_share_bytes_are_refused(tmp_path):
    """As zip bombs do: many names in the directory for one member."""
    data = bytearray(saved(tmp_path, ".npz", nn.GRU(1, 40, rng=0)))
    begin = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    one = bytes(data[begin : data.index(b"PK\1\2", begin + 4)])
    many = b"".join(one.replace(b"weight_ih_l0", b"weight_i" + b"%04d" % k) for k in range(900))
    tail = bytearray(data[end:])
    struct.pack_into("<HHII", tail, 8, 900, 900, len(many), begin)
    found = refused(tmp_path, ".npz", bytes(data[:begin]) + many + bytes(tail), 1 << 22)
    assert "does not fit" in found or "at byte" in found


def test_two_members_with_one_name_are_refused(tmp_path):
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w") as file:
        warnings.simplefilter("ignore")
        for value in (1.0, 2.0):
            one = io.BytesIO()
            np.save(one, np.full(3, value))
            file.writestr("weight_ih_l0.npy", one.getvalue())
    assert "two members with the name 'weight_ih_l0'" in refused(tmp_path, ".npz", data.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, method):
    data = archive(method, weight_ih_l0=npy("{}"), weight_hh_l0=npy("{}"))
    assert "packed by method" in refused(tmp_path, ".npz", data)


def test_members_of_torch_under_another_ending_are_named(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("archive/data.pkl", b"...")
    assert "it has the members of a file of torch.save" in refused(tmp_path, ".npz", data.getvalue())


def test_flipped_bit_in_a_compressed_member_is_found(tmp_path):
    np.savez_compressed(tmp_path / "m.npz", **GRU.state_dict())
    data = bytearray((tmp_path / "m.npz").read_bytes())
    data[data.index(b"PK\1\2") // 2] ^= 4
    refused(tmp_path, ".npz", bytes(data))


# ---- .safetensors --------------------------------------------------------------------------------


def tensors(header, data: bytes = b"", size=None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


def one(**changes) -> dict:
    return {"weight_ih_l0": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | changes}


SAFETENSORS = {
    "header of 2^60": (tensors(b"{}", size=1 << 60), "at byte 0: the header claims 1152921504606846976 bytes"),
    "header past the end": (tensors(b"{}", size=1 << 20), "at byte 8: 1048576 bytes are claimed, of which there are 2"),
    "no JSON": (tensors(b"{'a': 1}"), "at byte 8: the header is no JSON"),
    "nested": (tensors(b"[" * 200_000), "at byte 8: the header is no JSON"),
    "list": (tensors(b"[]"), "the header is no JSON object"),
    "twice": (tensors(b'{"a": 1, "a": 1}'), "a name stands in the header twice"),
    "2^40": (tensors(one(shape=[1 << 40], data_offsets=[0, 1 << 42]), b"1234"), "'weight_ih_l0' claims the bytes 0 to"),
    "2^80": (tensors(one(shape=[1 << 40, 1 << 40])), "no array can have the shape"),
    "nothing": (tensors(one(shape=[1 << 62, 0], data_offsets=[0, 0])), "no array can have the shape"),
    "size": (tensors(one(shape=[2]), b"1234"), "has the data_offsets [0, 4], which do not fit"),
    "negative": (tensors(one(shape=[-1]), b"1234"), "has no shape or no data_offsets"),
    "begin": (tensors(one(data_offsets=[4, 0]), b"1234"), "which do not fit"),
    "float": (tensors(one(shape=[1.0]), b"1234"), "has no shape or no data_offsets"),
    "dtype": (tensors(one(dtype="F4"), b"1234"), "has the dtype 'F4', expected one of F64, F32"),
    "number": (tensors({"weight_ih_l0": 3}), "has no shape or no data_offsets"),
    "metadata": (tensors({"__metadata__": {"__cyrnn__": 3}}), "__metadata__ is not of strings"),
    "metadata list": (tensors({"__metadata__": []}), "__metadata__ is not of strings"),
    "shared": (tensors(one() | {"weight_hh_l0": one()["weight_ih_l0"]}, b"1234"), "which another tensor has, too"),
}


@pytest.mark.parametrize(("data", "said"), SAFETENSORS.values(), ids=SAFETENSORS)
def test_safetensors_that_claim_what_they_have_not_are_refused(tmp_path, data, said):
    assert said.replace("which another", "another") in refused(tmp_path, ".safetensors", data, 1 << 22)


def test_shapes_of_nothing_make_no_large_model(tmp_path):
    """Without a byte of data: the number of rows of a matrix that has no column may be any."""
    n = 1 << 40
    shapes = {"weight_ih_l0": [4 * n, 0], "weight_hh_l0": [4 * n, 0], "weight_hr_l0": [0, n]}
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    assert "does not fit" in refused(tmp_path, ".safetensors", tensors(header))
    names = {f"weight_{kind}_l999": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]} for kind in ("ih",)}
    assert "does not fit" in refused(tmp_path, ".safetensors", tensors(names, b"1234"))


# ---- .onnx ---------------------------------------------------------------------------------------


def test_tensors_of_onnx_that_claim_what_they_have_not_are_refused(tmp_path):
    W = field(1, 1) + field(1, 1 << 40) + field(1, 2) + field(2, 1) + field(8, "W") + field(9, b"1234")
    R = tensor(np.ones((1, 3, 1), np.float32), "R")
    data = model([node("GRU", ["X", "W", "R"], ["Y"], "cell")], [W, R])
    assert "GRU 'cell': at byte" in refused(tmp_path, ".onnx", data)


def test_one_matrix_for_very_many_nodes_is_no_stack(tmp_path):
    W, R = (tensor(np.ones((1, 1, 1), np.float32), name) for name in "WR")
    nodes = [node("RNN", ["X0", "W", "R"], ["Y0"], "n0", hidden_size=1)]
    for k in range(1, 200):
        nodes.append(node("Squeeze", [f"Y{k - 1}"], [f"X{k}"], axes=[1]))
        nodes.append(node("RNN", [f"X{k}", "W", "R"], [f"Y{k}"], f"n{k}", hidden_size=1))
    assert "there are 200 nodes, expected at most 64" in refused(tmp_path, ".onnx", model(nodes, [W, R]), 1 << 23)
