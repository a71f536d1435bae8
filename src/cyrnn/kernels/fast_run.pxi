"""Running a job: which way, in what memory, and the kernels' calls."""

cdef void copy(char* out, Py_ssize_t out_row, Py_ssize_t out_col, const char* source, Py_ssize_t row, Py_ssize_t col,
               Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t item) noexcept nogil:
    """out[i, j] = source[i, j]; strides in bytes, item 4 or 8."""
    cdef Py_ssize_t i, j
    for i in range(rows):
        if item == 8:
            for j in range(cols):
                (<double*> (out + i * out_row + j * out_col))[0] = (<const double*> (source + i * row + j * col))[0]
        else:
            for j in range(cols):
                (<float*> (out + i * out_row + j * out_col))[0] = (<const float*> (source + i * row + j * col))[0]


cdef inline char* past(char* memory, Py_ssize_t size) noexcept nogil:
    """The first cache line behind `size` bytes."""
    return memory + (size + SPARE - 1) // SPARE * SPARE


cdef bint sizes_fit(Fast fast, const Job* job) noexcept nogil:
    """Whether every count of bytes below stays within 64 bits: arrays of stride 0 can claim any size."""
    cdef const Run* run = &job.run
    cdef double rows = (<double> run.T + 1) * run.m, units = run.n_a + 64.0
    return (rows * (units * MAX_GATES + run.n_x + run.n_y) < MOST_ELEMENTS
            and units * (fast.gates + 1) * (<double> run.n_x + run.n_a + 1) < MOST_ELEMENTS
            and (run.n_y + 64.0) * units < MOST_ELEMENTS)


cdef bint choose(Fast fast, Job* job) except -1:
    """Settle how to compute, and with it the layout of the results; False: not here."""
    cdef Run* run = &job.run
    cdef Py_ssize_t lanes = job.table.lanes, K = run.n_x + run.n_a
    cdef Py_ssize_t unit_vectors = (run.n_a + lanes - 1) // lanes, column_vectors = (run.m + lanes - 1) // lanes
    cdef Py_ssize_t g
    if not sizes_fit(fast, job):
        return False
    job.way = UNITS
    if not job.packed and not is_shared(run.m, work_of(job)):
        # multiply-adds on vectors, per gate and k; packing counts as TURN of them for every vector of W, and a
        # quarter is added where lanes are columns: fewer sums at once, and W is read with long strides
        if 1.25 * run.T * run.n_a * column_vectors <= unit_vectors * (run.T * run.m + TURN):
            job.way = BATCH
        if run.T == 1 and run.m <= MAX_UNPACKED_COLUMNS:
            job.way = FEW
            for g in range(fast.gates):
                if run.weights[g].Wx_col_stride != 1 or run.weights[g].Wa_col_stride != 1:
                    job.way = BATCH
    if job.way == BATCH:
        job.unit, job.column = run.m * job.item, job.item
    else:
        job.unit, job.column = job.item, run.n_a * job.item
    if job.way == UNITS:
        job.y_unit, job.y_column = job.item, run.n_y * job.item
    else:
        job.y_unit, job.y_column = run.m * job.item, job.item
    return True


cdef object start_at(Fast fast, Job* job, tuple initial):
    """Let a step start from the given states where they lie, if they lie as kernels read them; else from a copy.

    Returns what must live as long as the step: the copy, or None.
    """
    cdef Run* run = &job.run
    cdef cnp.ndarray start, first = initial[0]
    cdef cnp.npy_intp size = fast.states * run.m * run.n_a
    cdef Py_ssize_t i, apart = 0
    cdef bint as_they_lie = fast.states <= 2
    for i in range(fast.states):
        start = initial[i]
        apart = <const char*> cnp.PyArray_DATA(start) - <const char*> cnp.PyArray_DATA(first)
        as_they_lie = (as_they_lie and apart % job.item == 0
                       and (run.n_a == 1 or cnp.PyArray_STRIDE(start, 0) == job.unit)
                       and (run.m == 1 or cnp.PyArray_STRIDE(start, 1) == job.column))
    if as_they_lie:
        run.initial = <const real*> cnp.PyArray_DATA(first)
        run.initial_state_stride = apart // job.item
        return None
    start = PyArray_EMPTY(1, &size, job.typenum, 0)
    run.initial = <const real*> cnp.PyArray_DATA(start)
    run.initial_state_stride = run.m * run.n_a
    fill(fast, job, <char*> run.initial, run.initial_state_stride, initial)
    return start


cdef void fill(Fast fast, const Job* job, char* out, Py_ssize_t state, tuple initial):
    """Write the initial states, `state` elements apart, as the results will lie; None stands for zeros."""
    cdef const Run* run = &job.run
    cdef cnp.ndarray start
    cdef Py_ssize_t i
    for i in range(fast.states):
        if initial[i] is None:
            memset(out, 0, run.m * run.n_a * job.item)
        else:
            start = initial[i]
            copy(out, job.unit, job.column, <const char*> cnp.PyArray_DATA(start), cnp.PyArray_STRIDE(start, 0),
                 cnp.PyArray_STRIDE(start, 1), run.n_a, run.m, job.item)
        out += state * job.item


cdef cnp.ndarray start_of_sequence(Fast fast, Job* job, tuple initial):
    """Allocate the states of every step, (S, T + 1, ...), and fill in the initial ones."""
    cdef Run* run = &job.run
    cdef cnp.npy_intp dims[4]
    cdef cnp.ndarray states
    dims[0], dims[1], dims[2], dims[3] = fast.states, run.T + 1, run.m, run.n_a
    states = PyArray_EMPTY(4, dims, job.typenum, 0)
    run.batch = run.m
    run.gates = NULL
    run.initial = <const real*> cnp.PyArray_DATA(states)
    run.states = <real*> (<char*> cnp.PyArray_DATA(states) + run.m * run.n_a * job.item)
    run.state_stride = run.initial_state_stride = (run.T + 1) * run.m * run.n_a
    run.state_stride_t = run.m * run.n_a
    fill(fast, job, <char*> cnp.PyArray_DATA(states), run.state_stride, initial)
    return states


cdef inline double work_of(const Job* job) noexcept nogil:
    """Multiply-adds of the time loop and the head."""
    cdef const Run* run = &job.run
    return <double> run.T * run.m * run.n_a * (job.gates * (<double> run.n_x + run.n_a) + run.n_y)


cdef int execute(Job* job, object parameters) except -1:
    cdef Py_ssize_t rows = job.run.T * job.run.m
    cdef double amount = work_of(job)
    _held = parameters.panels if job.packed else None     # while others may run; the job itself holds a dict's arrays
    if job.way != UNITS:
        return in_parts(direct_part, job, 1, amount)
    job.memory = NULL
    try:
        if not job.packed:
            in_parts(pack_part, job, 1, amount / rows)
        in_parts(columns_part, job, job.run.m, amount)
        in_parts(head_part, job, rows, amount)
    finally:
        free(job.memory)
    return 0


cdef int direct_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Job* job = <const Job*> what
    return job.table.forward_unpacked(&job.run) if job.way == BATCH else job.table.step_unpacked(&job.run)


cdef int states_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The states of all columns, x as it lies."""
    cdef const Job* job = <const Job*> what
    return job.table.forward_packed(&job.run)


cdef int head_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """y of some rows of (T, m)."""
    cdef const Job* job = <const Job*> what
    cdef const Run* run = &job.run
    return job.table.head_packed(<const real*> (<const char*> run.states + first * run.n_a * job.item), run.n_a,
                                last - first, <const real*> job.Wy, <const real*> job.by, run.n_y,
                                <real*> (<char*> run.y + first * run.n_y * job.item))


cdef int columns_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """All steps of some columns. Where the features of one column are far apart, x is turned to (T, m, n_x) part by
    part of T, since it is read many times: the work area stays small however long T is.
    """
    cdef const Job* job = <const Job*> what
    cdef Run part = job.run
    cdef Py_ssize_t T = part.T, steps = T, t = 0, m = last - first, item = job.item, x_m = part.x_stride_m
    cdef Py_ssize_t x_t = part.x_stride_t, x_k = part.x_stride_k, step = part.batch * part.n_a * item
    cdef Py_ssize_t x_step = m * part.n_x
    cdef bint turned = x_k != 1 and m * T > 1
    cdef const char* x = <const char*> part.x + first * x_m * item
    cdef void* memory = NULL
    cdef int failed = 0
    part.m = m
    part.x = <const real*> x
    part.initial = <const real*> (<const char*> part.initial + first * part.n_a * item)
    part.states = <real*> (<char*> part.states + first * part.n_a * item)
    if part.gates != NULL:
        part.gates = <real*> (<char*> part.gates + first * part.n_a * item)
    if turned:
        if x_step > 0:
            steps = min(T, max(1, TURNED // (x_step * item)))
        memory = malloc(steps * x_step * item + SPARE)
        if memory == NULL:
            return -1
        part.x = <const real*> memory
        part.x_stride_k, part.x_stride_m, part.x_stride_t = 1, part.n_x, x_step
    while t < T and not failed:
        part.T = min(steps, T - t)
        if turned:
            job.table.transpose_steps(<const real*> (x + t * x_t * item), x_k, x_m, x_t, part.n_x, m, part.T,
                                      <real*> memory)
        failed = job.table.forward_packed(&part)
        part.initial = <const real*> (<char*> part.states + (part.T - 1) * step)
        part.initial_state_stride = part.state_stride + (part.T - 1) * (part.state_stride_t - step // item)
        part.states = <real*> (<char*> part.states + part.T * step)
        part.state_stride += part.T * (part.state_stride_t - step // item)
        if part.gates != NULL:
            part.gates = <real*> (<char*> part.gates + part.T * job.kept * step)
        t += part.T
    free(memory)
    return failed


cdef int pack_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Pack the weights, each matrix from a cache line on."""
    cdef Job* job = <Job*> what
    cdef Run* run = &job.run
    cdef const Table* table = job.table
    cdef Py_ssize_t sizes[5]
    cdef Py_ssize_t item = job.item, head = table.packed_size(run.n_y, run.n_a, 1)
    cdef char* memory
    table.weight_sizes(run.cell, run.n_x, run.n_h, run.n_a, sizes)
    job.memory = malloc((sizes[0] + sizes[1] + sizes[2] + head + table.packed_size(run.n_y, 1, 1)) * item + 8 * SPARE)
    if job.memory == NULL:
        return -1
    memory = past(<char*> job.memory - <size_t> job.memory % SPARE, 1)
    run.Wx = <const real*> memory
    memory = past(memory, sizes[0] * item)
    run.Wa = <const real*> memory
    memory = past(memory, sizes[1] * item)
    run.b = <const real*> memory
    job.Wy = past(memory, sizes[2] * item)
    job.by = past(<char*> job.Wy, head * item)
    table.pack_weights(run.cell, run.n_x, run.n_h, run.n_a, run.weights, <real*> run.Wx, <real*> run.Wa, <real*> run.b)
    table.pack_gate(run.head.Wa, run.head.Wa_row_stride, run.head.Wa_col_stride, run.n_y, run.n_a, 0, 1, <real*> job.Wy)
    table.pack_gate(run.head.b, run.head.b_stride, 1, run.n_y, 1, 0, 1, <real*> job.by)
    return 0
