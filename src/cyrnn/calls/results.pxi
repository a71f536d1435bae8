"""The results of a sequence: arrays (n, m, T) that own their memory, as NumPy's do.

The time loop writes y there, and the states, too, where no caches are kept, in its own order. Caches view states of
their own: what a caller does to a result, as `a *= mask` before the backward pass, must not reach them. C order, as
NumPy has it, costs more: of `lstm_forward` (3,5,10,7) 11%, this copy 4% (Xeon with AVX-512, busy, 2026-11-28).
"""

cdef struct StatesCopy:
    const char* source       # (T, ...): steps of `step` bytes
    char* out                # likewise
    Py_ssize_t step


cdef int copy_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some steps."""
    cdef const StatesCopy* w = <const StatesCopy*> given
    memcpy(w.out + first * w.step, w.source + first * w.step, (last - first) * w.step)
    return 0


cdef cnp.ndarray result(const CallContext* context, Py_ssize_t n, Py_ssize_t unit_stride, Py_ssize_t column_stride):
    """A new array (n, m, T); strides in bytes, step after step."""
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    dims[0], dims[1], dims[2] = n, context.run.m, context.run.T
    strides[0], strides[1], strides[2] = unit_stride, column_stride, n * context.run.m * context.item
    return PyArray_NewFromDescr(<PyTypeObject*> cnp.ndarray, PyArray_DescrFromType(context.typenum), 3, dims, strides,
                                NULL, 0, NULL)


cdef inline cnp.ndarray state_result(const CallContext* context):
    """A new array for one state of every step, (n_a, m, T)."""
    return result(context, context.run.n_a, context.unit_stride, context.column_stride)


cdef inline cnp.ndarray y_result(const CallContext* context):
    """A new array for the predictions (n_y, m, T)."""
    return result(context, context.run.n_y, context.y_unit_stride, context.y_column_stride)


cdef int copy_to_result(const CallContext* context, Py_ssize_t state, cnp.ndarray out) except -1:
    """Copy one state of every step to a result, from where the caches view it."""
    cdef const Run* run = &context.run
    cdef StatesCopy w
    w.source = <const char*> advance(run.states, state * run.state_stride, context.item)
    w.out, w.step = <char*> data(out), run.m * run.n_a * context.item
    if w.step > 0:
        parallel_for(copy_range, &w, run.T, <double> run.T * run.m * run.n_a * COPY_COST_FMAS)
    return 0


cdef cnp.ndarray write_to_results(CellCalls calls, CallContext* context, cnp.ndarray hidden, cnp.ndarray other):
    """Let the time loop write its states to results in place, `other` that of the second state, if there is one.

    Returns a copy of the initial states, which must live as long as the loop.
    """
    cdef Run* run = &context.run
    cdef cnp.npy_intp size = calls.states * run.m * run.n_a
    cdef cnp.ndarray before = PyArray_EMPTY(1, &size, context.typenum, 0)
    run.gates = NULL
    run.initial, run.initial_state_stride = <const real*> data(before), run.m * run.n_a
    fill_initial(calls, context, <char*> data(before), run.initial_state_stride)
    run.states, run.state_stride_t = <real*> data(hidden), run.m * run.n_a
    run.state_stride = (data(other) - data(hidden)) // context.item if calls.states > 1 else 0
    return before
