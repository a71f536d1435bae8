"""A layer over sequences of lengths of their own.

The longest come first, so that those that go on are neighbours at every step. Some steps at a time are copied to where
they are read side by side, run, and copied to their places in the output, all of it in the cache: what lies past the
ends costs nothing but zeros.
"""

cdef enum:
    RAGGED = 1 << 19         # bytes of x and of hidden states that are laid side by side at once


cdef struct Ragged:
    const Job* job
    const Py_ssize_t* order          # which sequence a column is
    const Py_ssize_t* lengths        # of the sequences
    const Py_ssize_t* active         # (T,): how many columns go on
    bint reverse
    const char* initial[2]           # (m, n_a), or NULL for zeros
    char* last[2]                    # (m, n_a), written
    char* out
    Py_ssize_t out_t, out_m          # bytes


cdef inline Py_ssize_t place_of(const Ragged* w, Py_ssize_t sequence, Py_ssize_t t) noexcept nogil:
    """Where in its sequence a step stands."""
    return w.lengths[sequence] - 1 - t if w.reverse else t


cdef inline Py_ssize_t going_on(const Ragged* w, Py_ssize_t t, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    return max(0, min(last, w.active[t]) - first)


cdef int ragged_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Some columns, in the order of falling lengths."""
    cdef const Ragged* w = <const Ragged*> what
    cdef Run part = w.job.run
    cdef Py_ssize_t item = w.job.item, m = last - first, n = part.n_a * item, n_x = part.n_x * item, T = part.T
    cdef Py_ssize_t x_t = part.x_stride_t * item, x_m = part.x_stride_m * item, t, j, k, t0 = 0, steps
    cdef Py_ssize_t longest = w.lengths[w.order[first]]
    cdef const char* x = <const char*> part.x
    cdef char* start                             # states before some steps, the second one at every step
    cdef char* some_x                            # (steps, m, n_x)
    cdef char* some_a                            # (steps, m, n_a)
    cdef void* memory
    steps = max(1, min(longest, RAGGED // max(1, m * (n + n_x))))
    memory = malloc(m * (2 * n + steps * (n + n_x)) + 3 * SPARE)
    if memory == NULL:
        return -1
    start = past(<char*> memory - <size_t> memory % SPARE, 1)
    some_a = past(start, 2 * m * n)
    some_x = past(some_a, steps * m * n)
    for j in range(m):
        k = w.order[first + j]
        lay(start + j * n, w.initial[0], k, n)
        lay(start + (m + j) * n, w.initial[1], k, n)
        memcpy(w.last[0] + k * n, start + j * n, n)                       # stays, where there is no step
        for t in range(w.lengths[k], T):
            memset(w.out + t * w.out_t + k * w.out_m, 0, n)
    part.m, part.batch, part.batch_offset = m, m, first
    part.x, part.x_stride_t, part.x_stride_m, part.x_stride_k = <const real*> some_x, m * part.n_x, part.n_x, 1
    part.initial, part.initial_state_stride = <const real*> start, m * part.n_a
    part.states = <real*> some_a
    part.state_stride, part.state_stride_t = (start + m * n - some_a) // item, 0
    while t0 < longest:
        part.T = min(steps, longest - t0)
        part.batch_sizes = w.active + t0
        for t in range(part.T):
            for j in range(going_on(w, t0 + t, first, last)):
                k = w.order[first + j]
                memcpy(some_x + (t * m + j) * n_x, x + place_of(w, k, t0 + t) * x_t + k * x_m, n_x)
        if w.job.table.forward_packed(&part):
            free(memory)
            return -1
        for t in range(part.T):
            for j in range(going_on(w, t0 + t, first, last)):
                k = w.order[first + j]
                memcpy(w.out + place_of(w, k, t0 + t) * w.out_t + k * w.out_m, some_a + (t * m + j) * n, n)
                if t0 + t + 1 == w.lengths[k]:
                    memcpy(w.last[0] + k * n, some_a + (t * m + j) * n, n)
        memcpy(start, some_a + (part.T - 1) * m * n, m * n)
        t0 += part.T
    if w.last[1] != NULL:
        for j in range(m):
            memcpy(w.last[1] + w.order[first + j] * n, start + (m + j) * n, n)
    free(memory)
    return 0


cdef inline void lay(char* out, const char* states, Py_ssize_t k, Py_ssize_t n) noexcept nogil:
    """Copy one state of n bytes, or zeros."""
    if states == NULL:
        memset(out, 0, n)
    else:
        memcpy(out, states + k * n, n)


cdef object run_ragged(Layer layer, x, tuple initial, order, lengths, bint reverse, out):
    cdef Job job
    cdef Ragged w
    cdef Run* run = &job.run
    cdef cnp.npy_intp dims[2]
    cdef cnp.npy_intp T
    cdef Py_ssize_t i, t, j, total = 0, states = layer.fast.states
    cdef cnp.ndarray rows, active
    cdef tuple results
    if not take_rows_of(layer, &job, x, False) or cnp.PyArray_NDIM(<cnp.ndarray> x) != 3 or states > 2:
        return None
    if not sizes_fit(layer.fast, &job) or (run.x_stride_k != 1 and run.n_x > 1):
        return None
    rows = out
    w.out_t, w.out_m = cnp.PyArray_STRIDE(rows, 0), cnp.PyArray_STRIDE(rows, 1)
    w.job, w.reverse, w.out = &job, reverse, <char*> data(rows)
    w.order, w.lengths = <const Py_ssize_t*> data(order), <const Py_ssize_t*> data(lengths)
    dims[0], dims[1] = run.m, run.n_a
    results = PyTuple_New(states)
    w.initial[1] = w.last[1] = NULL
    for i in range(states):
        if initial[i] is not None and (not is_matrix(initial[i], &job, run.m, run.n_a)
                                       or not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray> initial[i])):
            return None
        w.initial[i] = NULL
        if initial[i] is not None:
            w.initial[i] = data(initial[i])
        give(results, i, PyArray_EMPTY(2, dims, job.typenum, 0))
        w.last[i] = <char*> data(results[i])
    T = run.T
    active = PyArray_ZEROS(1, &T, cnp.NPY_INTP, 0)
    w.active = <const Py_ssize_t*> data(active)
    for j in range(run.m):
        total += w.lengths[j]
        for t in range(w.lengths[j]):
            (<Py_ssize_t*> w.active)[t] += 1
    in_parts(ragged_part, &w, run.m, <double> total * run.n_a * job.gates * (<double> run.n_x + run.n_a))
    return results
