"""Resets inside of sequences: before which steps a sequence of a batch goes on from zeros, or from its initial states.

Results are those of the sequence cut there. In the reverse direction, which comes from the other side, the cut lies
before the step that it runs next: flags of step t reset it before it runs step t - 1.
"""

cdef class Resets:
    """The flags of a batch, for every sublayer of a call. Never changed."""

    cdef Py_ssize_t T, m
    cdef bint any_set
    cdef bint to_initial             # whether a sequence goes on from its initial states
    cdef void* flags                 # (T, m) bytes, 0 or 1; of a char* Cython would make bytes, to pickle

    def __dealloc__(self):
        free(self.flags)

    def __reduce__(self):
        # without it Cython pickles char* as bytes, and what it reads back is no memory to be freed
        raise TypeError("cyrnn: the flags of resets can be neither pickled nor copied")


def resets_of(given, bint to_initial):
    """Return the flags of an array of bools (T, m), any strides; None where it is no plain one."""
    cdef Resets out
    cdef PlainArray mask
    cdef Py_ssize_t t, j, i, size
    cdef char* flags
    if not read_plain(<PyObject*> given, cnp.NPY_BOOL, 2, &mask):
        return None
    out = Resets()
    out.T, out.m, out.to_initial = mask.shape[0], mask.shape[1], to_initial
    size = out.T * out.m
    flags = <char*> malloc(size + 1)
    out.flags = flags
    if flags == NULL:
        raise MemoryError("cyrnn: no memory for the resets")
    if mask.flags & cnp.NPY_ARRAY_C_CONTIGUOUS:
        for i in range(size):
            flags[i] = mask.memory[i] != 0
    else:
        for t in range(out.T):
            for j in range(out.m):
                flags[t * out.m + j] = mask.memory[t * mask.strides[0] + j * mask.strides[1]] != 0
    if to_initial and size > 0:                          # before the first step it is there anyway
        memset(flags, 0, out.m)
    out.any_set = memchr(flags, 1, size) != NULL
    return out


cdef void gather_flags(Resets resets, const RowOrder* rows, char* out) noexcept:
    """out (T, m): the flags in the order in which a sublayer runs; 0 where no step is."""
    cdef Py_ssize_t t, j, k, m = rows.m
    cdef const char* flags = <const char*> resets.flags
    memset(out, 0, rows.T * m)
    for t in range(1 if rows.reverse else 0, rows.T):
        if rows.order == NULL:
            memcpy(out + t * m, flags + (rows.T - t if rows.reverse else t) * m, m)
            continue
        for j in range(batch_size(rows, t)):
            k = sequence_of(rows, j)
            out[t * m + j] = flags[(time_of(rows, k, t) + rows.reverse) * m + k]


cdef void* reset_run(Sublayer layer, LayerRun* w, Resets resets) except NULL:
    """Let a pass forward know its resets; return the memory where they are, which has to live as long."""
    cdef Run* run = &w.context.run
    cdef Py_ssize_t item = w.context.item, S = layer.calls.states, block = run.m * run.n_a * item, i, j
    cdef char* memory = <char*> malloc(2 * S * block + run.T * run.m + 2 * CACHE_LINE_BYTES)
    cdef char* initial
    if memory == NULL:
        raise MemoryError("cyrnn: no memory for the resets")
    run.resets.previous = <real*> aligned(memory)
    initial = <char*> advance(run.resets.previous, S * block // item, item)
    run.resets.initial, run.resets.initial_state_stride, run.resets.d_initial = NULL, run.m * run.n_a, NULL
    run.resets.flags, run.resets.stride_t, run.resets.states = initial + S * block, run.m, S
    gather_flags(resets, &w.rows, initial + S * block)
    if resets.to_initial and w.initial[0] != NULL:
        run.resets.initial = <const real*> initial
        for i in range(S):
            for j in range(run.m):
                memcpy(initial + i * block + j * run.n_a * item,
                       w.initial[i] + sequence_of(&w.rows, j) * w.sizes[i] * item, w.sizes[i] * item)
    return memory
