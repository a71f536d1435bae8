"""The kernels' calls, forward: which path, in what memory, by which ranges."""

cdef inline double fmas_of(const CallContext* context) noexcept nogil:
    """Multiply-adds of the time loop and the head."""
    cdef const Run* run = &context.run
    return <double> run.T * run.m * run.n_a * (context.gates * (<double> row_elements(run) + run.n_a) + run.n_y)


cdef inline bint rows_are_contiguous(CellCalls calls, const CallContext* context) noexcept nogil:
    """Whether every row of the weights is, as it is in C order."""
    cdef const GateWeights* W = context.run.weights
    cdef Py_ssize_t g
    for g in range(calls.gates):
        if W[g].Wx_col_stride != 1 or W[g].Wa_col_stride != 1:
            return False
    return True


cdef inline Path path_of_dict(CellCalls calls, const CallContext* context) noexcept nogil:
    """The fastest path for weights that are not packed.

    One step never pays for packing. More of them count multiply-adds of vectors, for each vector of W: as many as there
    are columns where lanes are units; to transpose W is TRANSPOSE_COST_FMAS more, but half of that where W comes from
    memory, to pack it once PACK_COST_FMAS. Where lanes are columns, some are idle, and a quarter is added: W is read
    with long strides. f64 lstm_forward (768,768,1), T = 10: 35 -> 13.6 ms (Xeon with AVX-512, 2026-11-28).
    """
    cdef const Run* run = &context.run
    cdef Py_ssize_t lanes = context.table.lanes
    cdef Py_ssize_t unit_vectors = (run.n_a + lanes - 1) // lanes, column_vectors = (run.m + lanes - 1) // lanes
    cdef double elements = <double> run.n_a * context.gates * (<double> run.n_x + run.n_a)
    cdef double packing = PACK_COST_FMAS, transposing = TRANSPOSE_COST_FMAS
    cdef bint few = run.m <= 3 or (run.m < lanes and run.m <= MAX_UNPACKED_COLUMNS and run.n_a >= lanes)
    if elements * context.item >= FRESH_BYTES:
        packing = PACK_FRESH_COST_FMAS
    if elements * context.item >= CACHED_BYTES:
        transposing /= 2
    if rows_are_contiguous(calls, context):
        if few and (run.T == 1 or run.T * transposing <= packing):
            return UNPACKED_STEP
        if run.T == 1:
            return UNPACKED
    if 1.25 * run.T * run.n_a * column_vectors <= unit_vectors * (<double> run.T * run.m + packing):
        return UNPACKED
    return PACKED


cdef void choose_path(CellCalls calls, CallContext* context) noexcept nogil:
    """Settle how to compute, and with it the layout of the results."""
    cdef Run* run = &context.run
    context.path = PACKED
    if not context.packed and run.m > 0 and run.n_a > 0 and (run.T == 1 or not is_shared(run.m, fmas_of(context))):
        context.path = path_of_dict(calls, context)
    run.units_in_lanes = context.path == UNPACKED_STEP
    if context.path == UNPACKED:
        context.unit_stride, context.column_stride = run.m * context.item, context.item
    else:
        context.unit_stride, context.column_stride = context.item, run.n_a * context.item
    if context.path == PACKED:
        context.y_unit_stride, context.y_column_stride = context.item, run.n_y * context.item
    else:
        context.y_unit_stride, context.y_column_stride = run.m * context.item, context.item


cdef void fill_initial(CellCalls calls, const CallContext* context, char* out, Py_ssize_t state_stride) noexcept:
    """Write the initial states, `state_stride` elements apart, in the layout of the results; NULL stands for zeros."""
    cdef const Run* run = &context.run
    cdef const PlainArray* state
    cdef Py_ssize_t i
    for i in range(calls.states):
        state = &context.initial[i]
        if state.memory == NULL:
            memset(out, 0, run.m * run.n_a * context.item)
        elif context.unit_stride == context.item:
            copy_rows(context, state.memory, state.strides[0], state.strides[1], run.n_a, out)
        else:
            copy(out, context.unit_stride, context.column_stride, state.memory, state.strides[0], state.strides[1],
                 run.n_a, run.m, context.item)
        out += state_stride * context.item


cdef object initial_of_step(CellCalls calls, CallContext* context):
    """Let a step start from the given states in place, if their layout is the kernels'; else from a copy.

    Returns the copy, which must live as long as the step, or None.
    """
    cdef Run* run = &context.run
    cdef cnp.ndarray copied
    cdef const PlainArray* state
    cdef const char* first = context.initial[0].memory
    cdef cnp.npy_intp size = calls.states * run.m * run.n_a
    cdef Py_ssize_t i, distance = 0
    cdef bint in_place = True
    for i in range(calls.states):
        state = &context.initial[i]
        distance = state.memory - first
        in_place = (in_place and distance % context.item == 0
                    and (run.n_a == 1 or state.strides[0] == context.unit_stride)
                    and (run.m == 1 or state.strides[1] == context.column_stride))
    if in_place:
        run.initial, run.initial_state_stride = <const real*> first, distance // context.item
        return None
    copied = PyArray_EMPTY(1, &size, context.typenum, 0)
    run.initial, run.initial_state_stride = <const real*> data(copied), run.m * run.n_a
    fill_initial(calls, context, <char*> run.initial, run.initial_state_stride)
    return copied


cdef cnp.ndarray states_of_sequence(CellCalls calls, CallContext* context):
    """Allocate the states of every step, (S, T + 1, ...), and fill in the initial ones."""
    cdef Run* run = &context.run
    cdef cnp.npy_intp dims[4]
    cdef cnp.ndarray states
    dims[0], dims[1], dims[2], dims[3] = calls.states, run.T + 1, run.m, run.n_a
    states = PyArray_EMPTY(4, dims, context.typenum, 0)
    run.gates = NULL
    run.initial = <const real*> data(states)
    run.states = <real*> advance(run.initial, run.m * run.n_a, context.item)
    run.state_stride = run.initial_state_stride = (run.T + 1) * run.m * run.n_a
    run.state_stride_t = run.m * run.n_a
    fill_initial(calls, context, <char*> data(states), run.state_stride)
    return states


cdef int execute(CellCalls calls, CallContext* context) except -1:
    """Run the time loop and the head."""
    cdef const Run* run = &context.run
    cdef Py_ssize_t rows = run.T * run.m
    cdef double fmas = fmas_of(context)
    if rows == 0:
        return 0
    if context.path != PACKED:
        if is_shared(groups_of_units(run.n_a), fmas_of_units(context)):
            return share_units(calls, context)
        return parallel_for(unpacked_range, context, 1, fmas)
    try:
        if not context.packed:
            parallel_for(pack_range, context, 1, fmas / rows)
        if run.n_a > 0:
            parallel_for(columns_range, context, run.m, fmas)
        if run.n_y > 0:
            parallel_for(head_range, context, rows, fmas)
    finally:
        free(context.workspace)
    return 0


cdef int unpacked_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """All steps. It has the call's run to itself: to copy it took 40 of the 830 ns of rnn_cell_forward (3,5,10)."""
    cdef CallContext* context = <CallContext*> given
    return forward_steps(context, &context.run, False, progress)


cdef struct UnitsOfStage:
    # one stage of a step on unpacked weights, whose units threads share
    const CallContext* context
    Run run                  # of the one step
    Py_ssize_t stage
    void* between            # output of a first stage, and its gates


cdef inline Py_ssize_t groups_of_units(Py_ssize_t units) noexcept nogil:
    return (units + UNITS_OF_GROUP - 1) // UNITS_OF_GROUP


cdef inline double fmas_of_units(const CallContext* context) noexcept nogil:
    """About how long a step lasts, in multiply-adds: few columns wait for W, from L3 or DRAM two for each byte."""
    cdef const Run* run = &context.run
    cdef double elements = <double> run.n_a * context.gates * (<double> run.n_x + run.n_a)
    return elements * (run.m + 2 * context.item) * HASTE


cdef int units_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Gates and next states of some groups of units."""
    cdef const UnitsOfStage* w = <const UnitsOfStage*> given
    return w.context.table.stage_unpacked(&w.run, w.stage, first * UNITS_OF_GROUP,
                                          min(last * UNITS_OF_GROUP, w.run.n_a), <real*> w.between)


cdef int softmax_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """y of a step on unpacked weights."""
    cdef const UnitsOfStage* w = <const UnitsOfStage*> given
    return w.context.table.head_unpacked(&w.run)


cdef int share_units(CellCalls calls, CallContext* context) except -1:
    """All steps on unpacked weights: threads share the units of each stage, and the head follows."""
    cdef Py_ssize_t t, T = context.run.T, item = context.item
    cdef cnp.npy_intp size = (1 + calls.stored_gates) * context.run.n_a * context.run.m
    cdef UnitsOfStage w
    w.context, w.run, w.between = context, context.run, NULL
    w.run.T = 1
    if calls.stages > 1:
        _between = PyArray_EMPTY(1, &size, context.typenum, 0)            # lives until all steps are done
        w.between = <void*> data(_between)
    for t in range(T):
        raise_signals()
        for w.stage in range(calls.stages):
            parallel_for(units_range, &w, groups_of_units(w.run.n_a), fmas_of_units(context))
        if w.run.y != NULL:
            parallel_for(softmax_range, &w, 1, <double> w.run.n_y * w.run.n_a * w.run.m)
            w.run.y = <real*> advance(w.run.y, w.run.n_y * w.run.m, item)
        if t + 1 < T:
            skip_steps(&w.run, 1, context.stored_gates, item)
    return 0


cdef int head_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """y of some rows of (T, m)."""
    cdef const CallContext* context = <const CallContext*> given
    cdef const Run* run = &context.run
    return head(context.table, advance(run.states, first * run.n_a, context.item), run.n_a, last - first,
                <const real*> context.Wy, <const real*> context.by, run.n_y,
                <real*> advance(run.y, first * run.n_y, context.item), context.item, progress)


cdef inline void reset_columns(RunResets* resets, Py_ssize_t first, Py_ssize_t n_a, Py_ssize_t item) noexcept nogil:
    """Let the resets of a run be those of its columns from the first on."""
    if resets.flags != NULL:
        resets.flags += first
        resets.previous = <real*> advance(resets.previous, first * n_a, item)
        resets.d_initial = <real*> advance(resets.d_initial, first * n_a, item)
        if resets.initial != NULL:
            resets.initial = advance(resets.initial, first * n_a, item)


cdef inline void take_columns(Run* run, Py_ssize_t first, Py_ssize_t last, Py_ssize_t item) noexcept nogil:
    """Let a run do the columns first <= i < last of its batch alone."""
    run.m, run.batch_offset = last - first, first
    run.x = advance(run.x, first * run.x_stride_m, item)
    run.initial = advance(run.initial, first * run.n_a, item)
    run.states = <real*> advance(run.states, first * run.n_a, item)
    run.gates = <real*> advance(run.gates, first * run.n_a, item)
    if run.Whr != NULL:
        run.hidden_initial = advance(run.hidden_initial, first * run.n_h, item)
        run.hidden = <real*> advance(run.hidden, first * run.n_h, item)
    reset_columns(&run.resets, first, run.n_a, item)


cdef int columns_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """All steps of some columns. Where the features of one column are far apart, x is transposed to (T, m, n_x), some
    steps at a time, since x is read many times: the work area stays small however long T is.
    """
    cdef const CallContext* context = <const CallContext*> given
    cdef Run run = context.run
    cdef Py_ssize_t T = run.T, steps = T, t = 0, m = last - first, item = context.item, x_step = m * run.n_x
    cdef Py_ssize_t x_stride_t = run.x_stride_t, x_stride_k = run.x_stride_k, x_stride_m = run.x_stride_m
    cdef const real* x
    cdef void* memory = NULL
    cdef int failed = 0
    take_columns(&run, first, last, item)
    if x_stride_k == 1 or m * T == 1:
        return forward_steps(context, &run, True, progress)
    x = run.x
    if x_step > 0:
        steps = min(T, max(1, TRANSPOSE_BYTES // (x_step * item)))
    memory = malloc(steps * x_step * item + CACHE_LINE_BYTES)
    if memory == NULL:
        return NO_MEMORY
    run.x_stride_k, run.x_stride_m, run.x_stride_t = 1, run.n_x, x_step
    while t < T and not failed:
        run.T = min(steps, T - t)
        run.x = <const real*> memory
        context.table.transpose_steps(advance(x, t * x_stride_t, item), x_stride_k, x_stride_m, x_stride_t, run.n_x, m,
                                      run.T, <real*> memory)
        t += run.T
        failed = forward_steps(context, &run, True, progress)
        skip_steps(&run, run.T, context.stored_gates, item)
    free(memory)
    return failed
