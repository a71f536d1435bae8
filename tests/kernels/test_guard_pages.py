"""Nothing beside an array is touched: every kernel, every size up to 67, inputs and outputs at closed pages.

AddressSanitizer (ci/sanitizers) also sees the kernels' own work areas, but no masked load or store; a closed page stops
those too. guard_cases.py, guard_backward.py, guard_nn.py and guard_integers.py hold the calls. They run in another
process, so that a fault is a failure here and no more.
"""

from __future__ import annotations

import signal
import sys

import pytest
from interpreter import run_python
from paths import SUPPORT
from problems import COMPILED, ISAS, isa_in_use

FORWARD = dict.fromkeys(
    ("activations", "pack", "forward", "interleaved", "head", "cell_calls", "shared_cell_calls", "sequence_calls"),
    "guard_cases.py",
)
BACKWARD = dict.fromkeys(("products", "time_loop", "backward_calls", "ragged_layers"), "guard_backward.py")
#: group -> the program that holds it
GROUPS = FORWARD | BACKWARD
GROUPS |= dict.fromkeys(("layer_calls", "variant_calls", "reset_calls", "head_calls", "norm_calls"), "guard_nn.py")
GROUPS |= dict.fromkeys(("integer_layers", "interleaved_integers"), "guard_integers.py")
FAULTS = {
    "read-end": "beyond the end",
    "read-start": "beyond the start",
    "write-end": "beyond the end",
    "write-start": "beyond the start",
    "kernel-reads": "beyond the input of exp",
    "kernel-writes": "beyond the output of exp",
}
#: Windows' access violation; a signal of Linux, of macOS
DEADLY = {0xC0000005} if sys.platform == "win32" else {-signal.SIGSEGV, -signal.SIGBUS}
pytestmark = pytest.mark.skipif(
    isa_in_use() != ISAS[0], reason=f"every ISA has its turn in the run with {ISAS[0]}"
)


def leave_no_core() -> None:
    """Of a process that is dead by design."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(group: str, isa: str) -> tuple[int, str, str]:
    """Return the exit status (negative: the signal), the last line, and what else was said."""
    done = run_python(
        SUPPORT / GROUPS.get(group, "guard_cases.py"),
        group,
        CYRNN_ISA=isa,
        preexec_fn=None if sys.platform == "win32" else leave_no_core,
        seconds=600,
    )
    return done.returncode, (done.stdout.splitlines() or ["(nothing)"])[-1], done.stderr


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("isa", COMPILED)
def test_guard_page_touched_by_intent_is_deadly(isa, fault):
    """The guards work: beyond an array there is death, and for a kernel that is told a wrong length too."""
    status, last, said = run(fault, isa)
    assert status in DEADLY, said
    assert last == FAULTS[fault]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("isa", COMPILED)
def test_kernel_every_size_touches_nothing_beside_its_arrays(isa, group):
    status, last, said = run(group, isa)
    died = f" by {signal.Signals(-status).name}" if status < 0 else ""
    assert (status, last) == (0, "done"), f"{isa} ended{died} in: {last}\n{said}"
