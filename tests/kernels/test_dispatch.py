"""Which kernels run: the best of the CPU, or those CYRNN_ISA names, or an ImportError that says why not."""

from __future__ import annotations

import os

import numpy as np
import pytest
from entry_points import points_of
from interpreter import fresh
from problems import CANONICAL, ISAS, isa_in_use

from cyrnn.kernels import dispatch

BEST_FIRST = ["avx512", "avx2", "neon", "wasm", "baseline", "reference"]


USED = "from cyrnn.kernels import dispatch; print(dispatch.kernels.isa)"


def test_available_lists_known_isas_best_first():
    assert isinstance(dispatch.available(), tuple)
    assert [isa for isa in BEST_FIRST if isa in ISAS] == list(ISAS)
    assert "reference" in ISAS
    assert {"avx2", "neon", "wasm"} >= set(CANONICAL) - {"avx512"}


@pytest.mark.parametrize("isa", ISAS)
def test_load_available_isa_gives_both_dtypes(isa):
    kernels = dispatch.load(isa)
    assert kernels.isa == isa
    for dtype in (np.float32, np.float64):
        points = points_of(isa, dtype)
        for name in ("exp", "tanh", "sigmoid", "softmax", "packed_size", "pack", "forward", "head"):
            assert callable(getattr(points, name))
    assert (kernels.tables == (None, None)) == (isa == "reference")


def test_define_refuses_what_kernels_do_not_foresee():
    """More gates than there is memory for, or other stages than the compiled formulas."""
    isa = next(isa for isa in ISAS if isa != "reference")
    module = dispatch.compiled(f"_isa_{isa}_f32")
    number = module.cell_numbers["gru"]
    for stages in (1, 3):
        with pytest.raises(ValueError, match="other stages"):
            module.define_cell(number, stages, 3, True)
    with pytest.raises(ValueError, match="more gates"):
        module.define_stage(number, 1, 3, 3, 3)
    with pytest.raises(ValueError, match="only gate of a stage"):
        module.define_stage(number, 1, 1, 0, 1)


def test_cell_that_the_kernels_do_not_know_is_an_import_error(monkeypatch):
    """As after a change of cells/ alone."""
    module = dispatch.compiled(f"_isa_{next(isa for isa in ISAS if isa != 'reference')}_f32")
    monkeypatch.setitem(dispatch.CELLS, "mine", dispatch.CELLS["rnn"]._replace(name="mine"))
    with pytest.raises(ImportError, match=r"_f32 has no cell 'mine': give it a number in kernels/registry\.pxi, and "):
        dispatch.define_cells(module)


@pytest.mark.parametrize("isa", ISAS)
def test_variable_names_the_isa_in_use(isa):
    done = fresh(USED, CYRNN_ISA=isa)
    assert (done.stdout.strip(), done.stderr) == (isa, "")


@pytest.mark.parametrize("environment", [{}, {"CYRNN_ISA": ""}], ids=["unset", "empty"])
def test_variable_unset_takes_the_best(environment):
    assert fresh(USED, **environment).stdout.strip() == ISAS[0]


def test_variable_with_unknown_isa_is_an_import_error():
    done = fresh("import cyrnn", CYRNN_ISA="avx1024")
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert "'avx1024'" in last
    assert all(isa in last for isa in BEST_FIRST)


@pytest.mark.parametrize(
    ("isa", "lacks"),
    [("avx512", "avx512vl"), ("avx512", "avx512f"), ("avx2", "fma"), ("avx2", "avx2"), ("neon", "neon")],
)
def test_load_isa_that_the_cpu_lacks_names_the_feature(isa, lacks, monkeypatch):
    everything = {feature for needs in dispatch.NEEDS.values() for feature in needs}
    monkeypatch.setattr(dispatch, "features", lambda: {name: name != lacks for name in everything})
    with pytest.raises(ImportError, match=rf"^cyrnn: the {isa} kernels need .*; this CPU lacks {lacks}$"):
        dispatch.load(isa)
    assert isa not in dispatch.available()


def test_load_isa_that_is_not_built_says_so(monkeypatch):
    everything = {feature for needs in dispatch.NEEDS.values() for feature in needs}
    absent = next(isa for isa in BEST_FIRST if isa not in ISAS or isa == "neon")
    monkeypatch.setattr(dispatch, "features", lambda: dict.fromkeys(everything, True))
    if dispatch.built(absent):
        pytest.skip("every ISA that has a name is built here")
    with pytest.raises(ImportError, match=f"^cyrnn: the {absent} kernels are not part of this installation$"):
        dispatch.load(absent)


#: ISAs with two modules for integer weights, the feature that chooses, and the modules without it and with it
CHOICES = [("avx512", "avx512vnni", "avx2", "avx512"), ("neon", "asimddp", "neon", "neondot")]
OF_INTEGERS = """
import hashlib
from integers import KINDS, WIDTHS, inputs, layer, run
from cyrnn.kernels import dispatch
have = dispatch.features()
dispatch.features = lambda: {{**have, {feature}: {has}}}
sha = hashlib.sha256()
for kind in KINDS:
    for width in WIDTHS:
        for n, m in ((5, 3), (70, 1), (64, 8)):
            for value in run(layer(kind, width, 9, n).sublayer(), inputs(3, m, 9)):
                sha.update(value.tobytes())
import sys
print(sha.hexdigest(), *(name.split("_")[-2] for name in sys.modules if name.endswith("_int")))
"""


@pytest.mark.parametrize(("isa", "feature", "without", "with_it"), CHOICES)
def test_kernels_for_integers_are_those_that_the_cpu_can_run(isa, feature, without, with_it, monkeypatch):
    for has, want in ((False, without), (True, with_it)):
        monkeypatch.setattr(dispatch, "features", lambda has=has: {feature: has})
        assert dispatch.integer_isa(isa) == want
    assert dispatch.integer_isa("avx2") == "avx2"


@pytest.mark.parametrize(("isa", "feature", "without", "with_it"), CHOICES)
def test_kernels_for_integers_have_the_same_bits_in_either_module(isa, feature, without, with_it):
    if isa not in ISAS or not dispatch.features()[feature]:
        pytest.skip(f"not a CPU with {feature}")
    found = [fresh(OF_INTEGERS.format(feature=repr(feature), has=has), CYRNN_ISA=isa) for has in (False, True)]
    assert [done.stderr for done in found] == ["", ""]
    (bits, module), (other_bits, other) = (done.stdout.split() for done in found)
    assert (module, other) == (without, with_it)
    assert bits == other_bits


def test_isa_of_this_run_is_the_one_asked_for():
    assert isa_in_use() == (os.environ.get("CYRNN_ISA") or ISAS[0])


def test_import_loads_only_the_kernels_in_use():
    """A module may use its ISA at import already: those of others must not be touched."""
    loaded = "sorted(m for m in sys.modules if '_isa_' in m or m.endswith('.reference'))"
    code = f"import sys, cyrnn; print(*{loaded})"
    for isa in ISAS:
        modules = fresh(code, CYRNN_ISA=isa).stdout.split()
        if isa == "reference":
            assert modules == ["cyrnn.calls.reference"]
        else:
            assert modules == [f"cyrnn.kernels._isa_{isa}_{bits}" for bits in ("f32", "f64")]


def test_kernels_say_which_they_are():
    assert repr(dispatch.kernels) == f"<cyrnn kernels: {dispatch.kernels.isa}>"
