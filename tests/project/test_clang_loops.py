"""ci/clang/loops.py: which loops of sums it finds in assembly, and what of them it takes for a spill."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from paths import ROOT

PROGRAM = ROOT / "ci" / "clang" / "loops.py"
if not PROGRAM.exists():
    pytest.skip("no checkout: ci/ is not here", allow_module_level=True)
SPEC = importlib.util.spec_from_file_location("clang_loops", PROGRAM)
assert SPEC is not None
assert SPEC.loader is not None
loops = importlib.util.module_from_spec(SPEC)
sys.modules["clang_loops"] = loops  # where dataclasses look for it
SPEC.loader.exec_module(loops)

#: two rows, one vector: what clang makes of it
APPLE = """
_product:                               ; @product
\tstp\tx29, x30, [sp, #-16]!           ; 16-byte Folded Spill
LBB0_1:                                 ; =>This Inner Loop Header: Depth=1
\tldr\tq2, [x1], #16
\tld1r.4s\t{ v3 }, [x2], x3
\tfmla.4s\tv0, v2, v3
\tldr\ts4, [x2, x4]
\tfmla.4s\tv1, v2, v4[0]
KEPT
\tsubs\tx0, x0, #1
\tb.ne\tLBB0_1
; %bb.2:
\tldp\tx29, x30, [sp], #16
\tret
"""
X86 = """
product:
\tpushq\t%rbx
.L3:
\tvbroadcastss\t(%rdi,%rax,4), %ymm2
\tvfmadd231ps\t(%rsi), %ymm2, %ymm0
\tprefetcht1\t8(%rsp)
\taddq\t$32, %rsi
KEPT
\tincq\t%rax
\tcmpq\t%rdx, %rax
\tjne\t.L3
\tret
"""
IN_MEMORY = """
product:
.L3:
\tld1r\t{v3.4s}, [x2], x3
\tldr\tq0, [sp, 32]
\tfmla\tv0.4s, v2.4s, v3.4s
\tstr\tq0, [sp, 32]
\tsubs\tx0, x0, #1
\tb.ne\t.L3
\tret
"""
#: a polynomial over an array: it multiplies and adds, but to no sum
ELEMENTS = """
exp_of:
.L3:
\tldr\tq0, [x0]
\tmov\tv1.16b, v7.16b
\tfmla\tv1.4s, v0.4s, v6.4s
\tstr\tq1, [x0], 16
\tcmp\tx0, x1
\tb.ne\t.L3
\tret
"""


def found(tmp_path, text):
    path = tmp_path / "kernels.s"
    path.write_text(text)
    return [(loop.fmas, loop.vectors, loop.pointers) for loop in loops.sum_loops(path)]


@pytest.mark.parametrize(
    ("text", "kept", "expected"),
    [
        (APPLE, "", (2, 0, 0)),
        (APPLE, "\tstr\tq1, [sp, #32]                  ; 16-byte Folded Spill", (2, 1, 0)),
        (APPLE, "\tldr\tx4, [sp, #8]", (2, 0, 1)),
        (APPLE, "\tldp\tq5, q6, [x29, #-64]", (2, 1, 0)),
        (X86, "", (1, 0, 0)),
        (X86, "\tvmovaps\t%ymm1, 64(%rsp)", (1, 1, 0)),
        (X86, "\tmovq\t24(%rsp), %rcx", (1, 0, 1)),
        (X86, "\tvmulps\t.LC0(%rip), %ymm2, %ymm3", (1, 0, 0)),
    ],
)
def test_a_spill_in_a_loop_of_sums_is_counted(tmp_path, text, kept, expected):
    assert found(tmp_path, text.replace("KEPT\n", f"{kept}\n" if kept else "")) == [expected]


def test_sums_that_are_kept_in_memory_are_a_loop_of_sums(tmp_path):
    assert found(tmp_path, IN_MEMORY) == [(1, 2, 0)]


def test_a_loop_over_elements_is_none(tmp_path):
    assert found(tmp_path, ELEMENTS) == []


def test_assembly_without_such_loops_fails(tmp_path, capsys):
    path = tmp_path / "kernels.s"
    path.write_text(ELEMENTS)
    assert loops.main([str(path)]) == 1
    assert "0 loops" in capsys.readouterr().out
