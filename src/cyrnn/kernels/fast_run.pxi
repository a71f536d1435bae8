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
    return (rows * (units * MOST_GATES + run.n_x + run.n_y) < MOST_ELEMENTS
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
    if most_work > 0 and run.m >= SHARED and <double> run.T * run.m * run.n_a * fast.gates * K >= most_work:
        return False
    job.way = UNITS
    if not job.packed:
        # multiply-adds on vectors, per gate and k; packing counts as TURN of them for every vector of W, and a
        # quarter is added where lanes are columns: fewer sums at once, and W is read with long strides
        if 1.25 * run.T * run.n_a * column_vectors <= unit_vectors * (run.T * run.m + TURN):
            job.way = BATCH
        if run.T == 1 and run.m <= FEW_COLUMNS:
            job.way = FEW
            for g in range(fast.gates):
                if run.weights[g].Wx_col != 1 or run.weights[g].Wa_col != 1:
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
        run.initial_state = apart // job.item
        return None
    start = PyArray_EMPTY(1, &size, job.typenum, 0)
    run.initial = <const real*> cnp.PyArray_DATA(start)
    run.initial_state = run.m * run.n_a
    fill(fast, job, <char*> run.initial, run.initial_state, initial)
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
    run.columns = run.m
    run.gates = NULL
    run.initial = <const real*> cnp.PyArray_DATA(states)
    run.states = <real*> (<char*> cnp.PyArray_DATA(states) + run.m * run.n_a * job.item)
    run.state = run.initial_state = (run.T + 1) * run.m * run.n_a
    fill(fast, job, <char*> cnp.PyArray_DATA(states), run.state, initial)
    return states


cdef int execute(Fast fast, Job* job, object parameters) except -1:
    cdef int failed
    if is_short(job):
        failed = work(fast, job)
    else:
        # while others may run, the parameters that the job points to must not go: hold them, not only their dict
        held = parameters.panels if job.packed else list((<dict> parameters).values())
        with nogil:
            failed = work(fast, job)
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")
    return 0


cdef inline bint is_short(const Job* job) noexcept nogil:
    """Whether releasing the GIL would cost more than it gives."""
    return job.run.T * job.run.m * job.run.n_a * (job.run.n_x + job.run.n_a) < LONG


cdef int run_forward(const Job* job) except -2:
    """The states alone, from packed parameters."""
    cdef int failed
    if is_short(job):
        return job.table.forward_units(&job.run)
    with nogil:
        failed = job.table.forward_units(&job.run)
    return failed


cdef int work(Fast fast, Job* job) noexcept nogil:
    cdef Run* run = &job.run
    cdef void* memory
    cdef int failed
    if job.way == BATCH:
        return job.table.forward_batch(run)
    if job.way == FEW:
        return job.table.step_few(run)
    memory = malloc(work_size(fast, job))
    if memory == NULL:
        return -1
    failed = forward_in_parts(fast, job, prepare(fast, job, past(<char*> memory - <size_t> memory % SPARE, 1)))
    if not failed:
        failed = job.table.head_units(run.states, run.n_a, run.T * run.m, <const real*> job.Wy,
                                      <const real*> job.by, run.n_y, run.y)
    free(memory)
    return failed


cdef inline Py_ssize_t steps_turned(Fast fast, const Job* job) noexcept nogil:
    """How many steps of x are turned at once: some TURNED bytes of them, or all where x is read where it is."""
    cdef Py_ssize_t step = job.run.m * job.run.n_x * job.item
    if not turns_input(fast, job) or step == 0:
        return job.run.T
    return min(job.run.T, max(1, TURNED // step))


cdef int forward_in_parts(Fast fast, Job* job, char* memory) noexcept nogil:
    """Run all steps, turning x to (T, m, n_x) in `memory` part by part: the work area stays small however long T is."""
    cdef const Run* run = &job.run
    cdef Run part = run[0]
    cdef Py_ssize_t first = 0, steps = steps_turned(fast, job), item = job.item
    cdef Py_ssize_t step = run.m * run.n_a * item
    while first < run.T:
        part.T = min(steps, run.T - first)
        if turns_input(fast, job):
            job.table.turn(<const real*> (<const char*> run.x + first * run.x_t * item), run.x_k, run.x_m, run.x_t,
                           run.n_x, run.m, part.T, <real*> memory)
            part.x = <const real*> memory
            part.x_k, part.x_m, part.x_t = 1, run.n_x, run.m * run.n_x
        if job.table.forward_units(&part):
            return -1
        part.initial = <const real*> (<char*> part.states + (part.T - 1) * step)
        part.initial_state = part.state
        part.states = <real*> (<char*> part.states + part.T * step)
        if part.gates != NULL:
            part.gates = <real*> (<char*> part.gates + part.T * fast.kept * step)
        first += part.T
    return 0


cdef Py_ssize_t work_size(Fast fast, const Job* job) noexcept nogil:
    """Bytes for x in time-major order, and for the packed parameters where they are not given."""
    cdef const Run* run = &job.run
    cdef Py_ssize_t size = 0
    if turns_input(fast, job):
        size += steps_turned(fast, job) * run.m * run.n_x
    if not job.packed:
        size += job.table.packed_size(run.n_a, run.n_x + run.n_a + 1, fast.gates)
        size += job.table.packed_size(run.n_y, run.n_a + 1, 1)
    return size * job.item + 8 * SPARE


cdef bint turns_input(Fast fast, const Job* job) noexcept nogil:
    """Whether x is copied to (T, m, n_x): the features of one column are far apart, and read many times."""
    return job.run.x_k != 1 and job.run.m * job.run.T > 1


cdef char* prepare(Fast fast, Job* job, char* memory) noexcept nogil:
    """Pack what is not packed, each part from a cache line on; return where the work area goes on."""
    cdef Run* run = &job.run
    cdef Py_ssize_t g, item = job.item
    if not job.packed:
        run.Wx = <const real*> memory
        memory = past(memory, job.table.packed_size(run.n_a, run.n_x, fast.gates) * item)
        run.Wa = <const real*> memory
        memory = past(memory, job.table.packed_size(run.n_a, run.n_a, fast.gates) * item)
        run.b = <const real*> memory
        memory = past(memory, job.table.packed_size(run.n_a, 1, fast.gates) * item)
        for g in range(fast.gates):
            job.table.pack_gate(run.weights[g].Wx, run.weights[g].Wx_row, run.weights[g].Wx_col, run.n_a, run.n_x,
                                g, fast.gates, <real*> run.Wx)
            job.table.pack_gate(run.weights[g].Wa, run.weights[g].Wa_row, run.weights[g].Wa_col, run.n_a, run.n_a,
                                g, fast.gates, <real*> run.Wa)
            job.table.pack_gate(run.weights[g].b, run.weights[g].b_row, 1, run.n_a, 1, g, fast.gates, <real*> run.b)
        job.Wy = memory
        memory = past(memory, job.table.packed_size(run.n_y, run.n_a, 1) * item)
        job.by = memory
        memory = past(memory, job.table.packed_size(run.n_y, 1, 1) * item)
        job.table.pack_gate(run.head.Wa, run.head.Wa_row, run.head.Wa_col, run.n_y, run.n_a, 0, 1, <real*> job.Wy)
        job.table.pack_gate(run.head.b, run.head.b_row, 1, run.n_y, 1, 0, 1, <real*> job.by)
    return memory
