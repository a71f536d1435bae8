"""Forward pass on unpacked weights, for single cell calls and short runs.

Design. Packing W pays when it is used often. Otherwise two kernels give the same chains without:
    batch in lanes   xt and a state are packed, which are few; lanes run over them, rows are units (unpacked_batch.pxi)
    units in lanes   for few columns: rows of W are transposed in registers (unpacked_step.pxi)
Units of a stage do not wait for each other: threads may share them. The head, and a second stage, wait for all.
"""

cdef enum:
    SMALL_WORKSPACE = 4096   # bytes on the stack: malloc would take 50 of the 830 ns of rnn_cell_forward (3,5,10)


cdef inline Py_ssize_t padded(Py_ssize_t m) noexcept nogil:
    return (m + LANES - 1) // LANES * LANES


cdef Py_ssize_t workspace_of_stage(const Run* run, Py_ssize_t units) noexcept nogil:
    """Elements that run_stage_in_place wants for so many units."""
    cdef Py_ssize_t width = padded(run.m)
    return (run.n_x + run.n_a) * width + (0 if run.units_in_lanes else gates_of(run.cell) * (units * run.m + width))


cdef void run_stage_in_place(const Run* run, Py_ssize_t s, Py_ssize_t t, Py_ssize_t first, Py_ssize_t last,
                             real* between, real* work) noexcept nogil:
    """One stage of step t for the units first <= j < last. `work`: workspace, aligned."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, m = run.m, step = n * m, unit_stride = 1 if run.units_in_lanes else m
    cdef Py_ssize_t column_stride = n if run.units_in_lanes else 1, width = padded(m)
    cdef const GateWeights* W = run.weights if s == 0 else run.weights + cell.stage[0].gates
    cdef const real* x = run.x + t * run.x_stride_t
    cdef const real* a
    cdef PointwiseArgs at
    at.variant = run.variant
    at.row_stride = n
    at.previous = run.initial if t == 0 else run.states + (t - 1) * step
    at.previous_state_stride = run.initial_state_stride if t == 0 else run.state_stride
    at.state_stride = run.state_stride
    at.next = run.states + t * step if s + 1 == cell.stages else between
    at.gate_stride = step
    at.gates = between + step if cell.stages > 1 else NULL
    if run.gates != NULL:
        at.gates = run.gates + cell.kept * t * step
    a = at.previous if s == 0 else between
    if run.units_in_lanes:
        x = columns_of(x, run.x_stride_k, run.x_stride_m, run.n_x, m, work)
        a = columns_of(a, unit_stride, column_stride, n, m, work + run.n_x * m)
        run_stage_of_columns(run, &cell.stage[s], W, x, a, &at, first, last)
    else:
        pack_columns(x, run.x_stride_k, run.x_stride_m, run.n_x, m, work)
        pack_columns(a, unit_stride, column_stride, n, m, work + run.n_x * width)
        run_stage_of_batch(run, &cell.stage[s], W, work, work + run.n_x * width, &at, first, last,
                           work + (run.n_x + n) * width)


cdef int stage_unpacked(const Run* run, Py_ssize_t stage, Py_ssize_t first, Py_ssize_t last,
                        real* between) noexcept nogil:
    """One stage of one step for some units. Returns -1 where memory is short.

    between (1 + kept, n_a * m): output of a first stage, then its gates if no cache keeps them; NULL with one stage.
    """
    cdef void* work = malloc(workspace_of_stage(run, last - first) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    run_stage_in_place(run, stage, 0, first, last, between, aligned(work))
    free(work)
    return 0


cdef inline void run_head_in_place(const Run* run, Py_ssize_t t, real* work) noexcept nogil:
    """y of step t. `work`: (n_a + n_y + 1, padded m)."""
    cdef Py_ssize_t n = run.n_a, m = run.m
    cdef real* y = work + n * padded(m)
    if run.units_in_lanes:
        pack_columns(run.states + t * n * m, 1, n, n, m, work)
    else:
        pack_columns(run.states + t * n * m, m, 1, n, m, work)
    softmax_in_place(run, work, y)
    memcpy(run.y + t * run.n_y * m, y, run.n_y * m * sizeof(real))


cdef int head_unpacked(const Run* run) noexcept nogil:
    """y of one step. Returns -1 where memory is short."""
    cdef void* work = malloc((run.n_a + run.n_y + 1) * padded(run.m) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    run_head_in_place(run, 0, aligned(work))
    free(work)
    return 0


cdef int forward_unpacked(const Run* run) noexcept nogil:
    """All T steps and the head. Returns -1 where memory is short, and not 0 where a pause ends it."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, t, s, pause_at = run.pause_steps
    cdef Py_ssize_t space = max(workspace_of_stage(run, n), (n + run.n_y + 1) * padded(run.m)), bytes
    cdef char small[SMALL_WORKSPACE]
    cdef void* memory = NULL
    cdef real* work
    cdef real* between
    cdef int outcome = 0
    if run.m == 0:
        return 0
    bytes = (space + ((1 + cell.kept) * n * run.m if cell.stages > 1 else 0)) * sizeof(real) + ALIGNMENT
    if bytes > SMALL_WORKSPACE:
        memory = malloc(bytes)
        if memory == NULL:
            return -1
    work = aligned(small if memory == NULL else memory)
    between = work + space
    for t in range(run.T):
        for s in range(cell.stages):
            run_stage_in_place(run, s, t, 0, n, between, work)
        if run.y != NULL:
            run_head_in_place(run, t, work)
        if t + 1 == pause_at:
            outcome = run.pause(run.progress)
            if outcome != 0:
                break
            pause_at += run.pause_steps
    free(memory)
    return outcome
