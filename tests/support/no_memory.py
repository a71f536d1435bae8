"""Every allocation of every call fails in turn: a program, `python no_memory.py KIND STRIDE [CALL ...]`, in a child.

KIND: `python`, the allocators of CPython, by `_testcapi`; or `c`, malloc and its kin, by a shared object that the
program finds in LD_PRELOAD. STRIDE: every how many allocations one fails. Each call must end in MemoryError or with the
right result, and do its work afterwards. Prints, per call, how often it was tried, how often it failed, and how many
allocations more there are after each round than after the one before, the least of the last rounds.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time

import numpy as np
from problems import make

import cyrnn
import cyrnn.nn
from cyrnn.calls import threads

NEVER = 1 << 30  # which number no allocation of a call has

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
/* The allocation with that number, from 0 on, fails; below 0 none does. */
static long until = -1;
void fail_allocation(long number) { __atomic_store_n(&until, number < 0 ? -1 : number + 1, __ATOMIC_SEQ_CST); }
static long live;
long live_allocations(void) { return __atomic_load_n(&live, __ATOMIC_SEQ_CST); }
static void *count(void *p) { if (p) __atomic_add_fetch(&live, 1, __ATOMIC_SEQ_CST); return p; }
static int fails(void) {
    if (__atomic_load_n(&until, __ATOMIC_RELAXED) <= 0) return 0;
    return __atomic_sub_fetch(&until, 1, __ATOMIC_SEQ_CST) == 0;
}
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t), __libc_free(void *);
#define FAIL(value) do { if (fails()) { errno = ENOMEM; return value; } } while (0)
void *malloc(size_t n) { FAIL(NULL); return count(__libc_malloc(n)); }
void *calloc(size_t n, size_t size) { FAIL(NULL); return count(__libc_calloc(n, size)); }
void *realloc(void *p, size_t n) {
    FAIL(NULL);
    void *q = __libc_realloc(p, n);
    return p ? q : count(q);
}
void free(void *p) { if (p) __atomic_sub_fetch(&live, 1, __ATOMIC_SEQ_CST); __libc_free(p); }
void *aligned_alloc(size_t alignment, size_t n) { FAIL(NULL); return count(__libc_memalign(alignment, n)); }
int posix_memalign(void **p, size_t alignment, size_t n) {
    FAIL(ENOMEM);
    *p = count(__libc_memalign(alignment, n));
    return *p ? 0 : ENOMEM;
}
"""


def arrays(result) -> list:
    if isinstance(result, np.ndarray):
        return [result]
    inner = result.values() if isinstance(result, dict) else result if isinstance(result, tuple | list) else ()
    return [array for part in inner for array in arrays(part)]


def calls() -> dict:
    """Calls of which each allocates as its users' do; threads share those of a batch."""
    lstm, gru = (make(cell, np.float64, m=16, n_a=21, n_x=9) for cell in (cyrnn.cells.LSTM, cyrnn.cells.GRU))
    few = make(cyrnn.cells.RNN, np.float32, m=2, n_a=300)  # of fewer units the work area is no allocation
    packed = cyrnn.pack(lstm.parameters)
    caches = cyrnn.lstm_forward(lstm.x, lstm.initial[0], lstm.parameters)[3]
    gru_caches = cyrnn.gru_forward(gru.x, gru.initial[0], gru.parameters)[2]
    da = np.ones((21, 16, 4))
    layer = cyrnn.nn.LSTM(9, 21, num_layers=2, bidirectional=True, dtype=np.float64, rng=0)
    projected = cyrnn.nn.LSTM(9, 21, proj_size=5, dtype=np.float64, rng=0)
    x, lengths = np.ascontiguousarray(lstm.x.transpose(2, 1, 0)), [4] * 8 + [2] * 7 + [0]
    output, _, tape = layer.forward(x, lengths=lengths)
    heads = [cyrnn.nn.Linear(9, 300, dtype=np.float64, rng=0), cyrnn.nn.Embedding(7, 300, dtype=np.float64, rng=0)]
    indices, d = np.arange(64).reshape(4, 16) % 7, np.ones((4, 16, 300))
    tapes = [heads[0].forward(x, lengths=lengths)[1], heads[1].forward(indices, lengths=lengths)[1]]
    norm = cyrnn.nn.LayerNorm(9, dtype=np.float64)
    tapes.append(norm.forward(x, lengths=lengths)[1])
    flags = np.arange(64).reshape(4, 16) % 3 == 0
    last, _, reset = projected.forward(x, reset=flags, reset_to="hx")
    return {
        "rnn_cell_forward": lambda: cyrnn.rnn_cell_forward(few.x[:, :, 0], few.initial[0], few.parameters),
        "lstm_forward": lambda: cyrnn.lstm_forward(lstm.x, lstm.initial[0], lstm.parameters),
        "lstm_forward packed": lambda: cyrnn.lstm_forward(lstm.x, lstm.initial[0], packed, return_caches=False),
        "lstm_backward": lambda: cyrnn.lstm_backward(da, caches),
        "gru_backward": lambda: cyrnn.gru_backward(da, gru_caches),
        "pack": lambda: cyrnn.lstm_forward(lstm.x, lstm.initial[0], cyrnn.pack(lstm.parameters))[:2],
        "softmax": lambda: cyrnn.softmax(lstm.x[:, :, 0].copy()),
        "nn": lambda: layer(x, lengths=lengths),
        "nn projected": lambda: projected(x, lengths=lengths),
        "nn training": lambda: (layer.forward(x, lengths=lengths)[:2], layer.backward(tape, output)),
        "nn resets": lambda: (projected(x, lengths=lengths, reset=flags), projected.backward(reset, last)),
        "linear": lambda: (heads[0].forward(x, lengths=lengths)[0], heads[0].backward(tapes[0], d), heads[0](x[0, :1])),
        "embedding": lambda: (heads[1](indices, lengths=lengths), heads[1].backward(tapes[1], d)),
        "layer norm": lambda: (norm.forward(x, lengths=lengths)[0], norm.backward(tapes[2], x), norm(x)),
        "load_state_dict": lambda: (layer.load_state_dict(layer.state_dict()), layer(x))[1],
    }


def failing(kind: str):
    """Return functions: let allocation number k fail; let none fail; how many are alive."""
    if kind == "python":
        import _testcapi

        # The hooks come before the threads and stay: one that starts or ends allocates without the GIL, and died in a
        # hook that was taken away meanwhile.
        def fail(k: int) -> None:
            _testcapi.set_nomemory(k, k + 1)

        fail(NEVER)
        return fail, lambda: fail(NEVER), sys.getallocatedblocks
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    fail, none = shim.fail_allocation, ctypes.c_long(-1)
    return lambda k: fail(ctypes.c_long(k)), lambda: fail(none), shim.live_allocations


def attempt(call, arm, disarm, k: int):
    """The arrays of a call whose allocation number k failed; None for MemoryError."""
    try:
        arm(k)
        try:
            result = call()
        finally:
            disarm()
    except MemoryError:
        return None
    return arrays(result)


def bits(found: list) -> list:
    return [array.tobytes() for array in found]


def fail_each(name: str, call, want: list, stride: int, arm, disarm) -> tuple[int, int]:
    """Let every so many-th allocation of a call fail. Return how often it was tried, and how often it failed."""
    tried = failed = since = 0
    while since < max(3, 40 // stride):  # once so many in a row succeed, no allocation is left to fail
        cyrnn.set_num_threads(2)  # threads are started within the call
        got = attempt(call, arm, disarm, tried * stride)
        tried += 1
        since = since + 1 if got is not None else 0
        failed += got is None
        assert got is None or bits(got) == want, (name, tried)
        assert bits(arrays(call())) == want, (name, tried)
    return tried, failed


def settled(alive) -> int:
    """How many allocations are alive once threads that have been ended have let go of theirs."""
    cyrnn.set_num_threads(1)
    gc.collect()
    lowest = alive()
    for _ in range(5):
        time.sleep(0.01)
        lowest = min(lowest, alive())
    return lowest


def main(kind: str, stride: int, *names: str) -> None:
    sys.unraisablehook = lambda _: None  # of a thread that found no memory
    threads.MILLISECOND_FMAS = threads.MIN_ROWS = 1
    arm, disarm, alive = failing(kind)
    for name, call in calls().items():
        if names and name not in names:
            continue
        cyrnn.set_num_threads(2)
        want, counts = bits(arrays(call())), []
        for _ in range(4):
            tried, failed = fail_each(name, call, want, stride, arm, disarm)
            counts.append(settled(alive))
        # what leaks grows in every round; what Python or the system keeps for itself does not
        print(name, tried, failed, min(counts[2] - counts[1], counts[3] - counts[2]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
