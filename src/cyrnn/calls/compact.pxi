"""The rows that the products of a sublayer's backward pass read: of a ragged batch without gaps, of columns that are
reset those that stood there.
"""

cdef char* take_resets(Sublayer layer, SavedForward saved, Backward* w, const RowOrder* rows, char* memory) except NULL:
    """Let the pass know its resets, and what W_a was multiplied by there; return where memory goes on."""
    cdef BackwardRun* back = &w.back
    cdef Py_ssize_t item = w.context.item, block = saved.m * saved.n_a * item
    back.resets.flags = w.resets = NULL
    back.resets.previous = NULL
    if saved.resets is None:
        return memory
    gather_flags(saved.resets, rows, memory)
    back.resets.flags, back.resets.stride_t, back.resets.states = memory, saved.m, layer.calls.states
    w.resets = memory
    memory = next_line(memory, saved.T * saved.m)
    back.resets.previous = <real*> memory
    memory = next_line(memory, layer.calls.states * block)
    if saved.resets.to_initial:
        back.resets.initial, back.resets.initial_state_stride = back.initial, back.initial_state_stride
        back.resets.d_initial = <real*> memory
        w.initial, w.initial_rows = w.first_hidden, saved.m
        return next_line(memory, layer.calls.states * block)
    back.resets.initial, back.resets.d_initial = NULL, NULL
    w.initial, w.initial_rows = <const real*> memory, 1
    memset(memory, 0, saved.n_h * item)
    return next_line(memory, saved.n_h * item)


cdef void copy_initial(const Backward* w, const RowOrder* rows, Py_ssize_t since, const real* initial, Py_ssize_t n,
                       char* out) noexcept nogil:
    """Where compact rows (n,) of the states before each step from `since` on are others: of columns that are reset.

    initial (m, n): the states before the first step, or NULL, for zeros.
    """
    cdef Py_ssize_t t, j, size = n * w.context.item
    if w.back.resets.flags == NULL:
        return
    for t in range(since, rows.T):
        for j in range(batch_size(rows, t)):
            if w.back.resets.flags[t * rows.m + j]:
                copy_state(out, <const char*> initial, j * size, size)
            out += size


cdef int compact(Backward* w, const RowOrder* rows, char* memory) except -1:
    """Let the products of a ragged batch read only the rows that take part: moved in place, or copied to memory."""
    cdef BackwardRun* back = &w.back
    cdef Py_ssize_t item = w.context.item, n_a = back.n_a * item, n_h = back.n_h * item
    cdef const real* initial = w.first_hidden if back.resets.initial != NULL else NULL
    compact_rows(rows, 0, <const char*> back.dz, w.context.gates * n_a, <char*> back.dz)
    if back.inner != NULL:
        compact_rows(rows, 0, <const char*> back.inner, n_a, <char*> back.inner)
    if back.dh != NULL:
        compact_rows(rows, 0, <const char*> back.dh, n_h, <char*> back.dh)
        w.a = <const real*> memory
        memory = compact_rows(rows, 0, <const char*> back.next, n_a, memory)
    if w.resets != NULL:
        memcpy(memory, w.first_hidden, w.first_rows * n_h)
        compact_rows(rows, 1, <const char*> w.hidden, n_h, memory + w.first_rows * n_h)
        copy_initial(w, rows, 0, initial, back.n_h, memory)
        w.first_hidden, w.hidden = <const real*> memory, <const real*> (memory + w.first_rows * n_h)
        w.resets, memory = NULL, memory + w.rows * n_h
    else:
        w.hidden, memory = <const real*> memory, compact_rows(rows, 1, <const char*> w.hidden, n_h, memory)
    if w.dP != NULL:
        memory = compact_peephole_states(w, rows, memory)
        w.c_next, memory = <const real*> memory, compact_rows(rows, 0, <const char*> w.c_next, n_a, memory)
    return 0


cdef char* compact_peephole_states(Backward* w, const RowOrder* rows, char* memory) noexcept:
    """Copy the cell states before each step, without gaps, as they were there; return where memory goes on."""
    cdef const real* initial = w.c_prev if w.back.resets.initial != NULL else NULL
    cdef char* end = compact_rows(rows, 0, <const char*> w.c_prev, w.back.n_a * w.context.item, memory)
    copy_initial(w, rows, 0, initial, w.back.n_a, memory)
    w.c_prev = <const real*> memory
    return end
