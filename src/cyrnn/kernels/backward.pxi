"""Back-propagation through time: the time loop.

Sums have one order, whatever the batch, the layout and the threads; each is a chain of fused multiply-adds from zero:

    gradient of a state         over (gate, unit) of the step after, gates in order; then the skip gradient is added,
                                then the caller's da
    dx                          over (gate, unit)
    dW, db                      over (step, column), both ascending

Design. The loop runs over W_a^T packed (units in lanes, as forward); each tile of sums becomes dz of the step before at
once. dx needs dz alone, and the weight gradients are one long product over all steps, so both wait for the end: there
they run at the speed of large matrices, and threads can share their output. A single step is not worth packing for: its
products read W in place, row after row, and that for the initial state waits for the end, too.
"""

cdef inline void begin_backward_args(const BackwardRun* run, Py_ssize_t t, Py_ssize_t gates,
                                     PointwiseBackwardArgs* args) noexcept nogil:
    """Arguments of the first row and unit of a stage in step t, behind so many gates of earlier stages."""
    cdef Py_ssize_t n = run.n_a, step = run.batch * n
    args.variant = run.variant
    args.previous, args.previous_state_stride = run.initial, run.initial_state_stride
    if t > 0:
        args.previous, args.previous_state_stride = run.previous + (t - 1) * step, run.state_stride
    if flags_at(&run.resets, t, run.m) != NULL:
        args.previous, args.previous_state_stride = run.resets.previous, step
    args.next, args.next_state_stride = run.next + t * step, run.state_stride
    args.gates, args.gate_stride = NULL, step
    if run.gates != NULL:
        args.gates = run.gates + t * run.gate_stride_t
    args.inner = NULL
    if run.inner != NULL:
        args.inner = run.inner + t * step
    args.da, args.da_row_stride = run.da + t * run.da_stride_t, run.da_stride_m
    args.skip_gradient = run.d_initial + step
    args.row_stride = args.dz_gate_stride = n
    args.dz_row_stride = gates_of(run.cell) * n
    args.dz = run.dz + t * run.batch * args.dz_row_stride + gates * n


cdef inline void derivative_of_tile(const Stage* stage, const PointwiseBackwardArgs* at, Py_ssize_t row,
                                    Py_ssize_t unit, PointwiseBackwardArgs* args) noexcept nogil:
    """dz of args.rows rows, from `row` on, and args.n units, from `unit` on, whose sums are args.d_next."""
    cdef Py_ssize_t i = row * at.row_stride + unit
    args.unit = unit
    args.da = at.da + row * at.da_row_stride + unit
    args.previous = at.previous + i
    args.next = at.next + i
    if at.gates != NULL:
        args.gates = at.gates + i
    if at.inner != NULL:
        args.inner = at.inner + i
    args.skip_gradient = at.skip_gradient + i
    args.dz = at.dz + row * at.dz_row_stride + unit
    stage.derivative(args)


cdef void sum_in_place(const BackwardRun* run, Py_ssize_t gate, Py_ssize_t gates, Py_ssize_t first, Py_ssize_t last,
                       real* out) noexcept nogil:
    """out (m, n_a) = W_a^T dz of some gates of a single step, for the units first <= j < last."""
    cdef Py_ssize_t n = run.n_a, g, r
    cdef const GateWeights* W
    for r in range(run.m if gates == 0 else 0):
        fill_row(0, last - first, out + r * n + first)
    for g in range(gates):
        W = run.weights + gate + g
        multiply_in_place(run.dz + (gate + g) * n, gates_of(run.cell) * n, run.m, n, W.Wa + first, W.Wa_row_stride,
                          last - first, WRITTEN if g == 0 else CONTINUED, out + first, n)


cdef void backward_stage(const BackwardRun* run, Py_ssize_t t, Py_ssize_t s) noexcept nogil:
    """dz of stage s of step t, from dz of the stage after it, of the next step where this one is the last.

    After the last step there is none, and none with a projection, where da has it all (backward_projection).
    """
    cdef vec tile_of_z[MAX_TILE]
    cdef real zero = 0
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, m = batch_size_at(run.batch_sizes, run.batch_offset, run.m, t), gates = 0, g
    cdef Py_ssize_t width = vectors(n, 1), panels = (width + 3) // 4, full = width // 4, left = panels
    cdef Py_ssize_t first, P, Vp, row, R, K, r
    cdef const real* WaT = run.WaT
    cdef const real* later
    cdef const char* flags = NULL
    cdef Product p
    cdef PointwiseBackwardArgs at, args                          # one for the step, one for a tile
    for g in range(s):
        gates += cell.stage[g].gates
    begin_backward_args(run, t, gates, &at)
    begin_backward_args(run, t, gates, &args)
    p.first.K = 0
    p.ahead = NULL
    if s + 1 < cell.stages:
        WaT += packed_elements(run.n_h, cell.stage[s].hidden * n, 1)
        later = at.dz + cell.stage[s].gates * n
        K = p.second.K = cell.stage[s + 1].hidden * n
    else:
        later = run.dz + (t + 1) * run.batch * at.dz_row_stride
        K = cell.stage[0].hidden * n
        p.second.K = K if t + 1 < run.T and run.WhrT == NULL else 0
        if t + 1 < run.T:
            flags = flags_at(&run.resets, t + 1, run.m)
    p.start = &zero
    p.start_row_stride = 0
    p.start_is_column = True
    if run.weights != NULL and s + 1 < cell.stages:
        sum_in_place(run, gates + cell.stage[s].gates, cell.stage[s + 1].hidden, 0, n, run.sums)
    p.second.row_stride = at.dz_row_stride
    p.second.k_stride = 1
    p.second.panel_stride = 4 * LANES * K
    p.z = <real*> tile_of_z
    p.z_panel_stride = 4 * LANES
    args.d_next = p.z
    while left > 0:
        P = next_panels(&left, panels, full, 4, m, t % 2 != 0, &first)
        Vp = min(4, width - first * 4)
        p.second.panel = WaT + first * 4 * LANES * K
        p.second.panel_k_stride = Vp * LANES
        if left > 0 and P == 1:
            ask_for_next_panel(&p, WaT, 4 * LANES * K, first, t % 2 != 0)
        p.z_row_stride = args.d_next_row_stride = P * Vp * LANES
        args.n = min(p.z_row_stride, n - first * 4 * LANES)
        row = 0
        while row < m:
            R = args.rows = even_share(m - row, max_rows(P, Vp))
            p.second.rows = later + row * at.dz_row_stride
            if run.weights != NULL and s + 1 < cell.stages:
                for r in range(R):
                    load_row(run.sums + (row + r) * n + first * 4 * LANES, args.n, p.z + r * p.z_row_stride)
            else:
                product(&p, R, P, Vp)
            for r in range(R if flags != NULL else 0):
                if flags[row + r]:
                    memset(p.z + r * p.z_row_stride, 0, p.z_row_stride * sizeof(real))
            derivative_of_tile(&cell.stage[s], &at, row, first * 4 * LANES, &args)
            row += R


cdef void clear_rows(const char* flags, Py_ssize_t m, Py_ssize_t n, real* rows) noexcept nogil:
    """Set the rows (m, n) of the columns that are reset to zero."""
    cdef Py_ssize_t j
    for j in range(m if flags != NULL else 0):
        if flags[j]:
            memset(rows + j * n, 0, n * sizeof(real))


cdef void begin_resets(const BackwardRun* run, Py_ssize_t t, const char* flags) noexcept nogil:
    """Let step t find the states before it in the workspace, as they were there: some of them reset."""
    cdef const real* source = run.initial
    cdef Py_ssize_t n = run.n_a, step = run.batch * n, stride = run.initial_state_stride, i
    if t > 0:
        source, stride = run.previous + (t - 1) * step, run.state_stride
    for i in range(run.resets.states):
        copy_with_resets(&run.resets, flags, i, source + i * stride, run.m, n, n, run.resets.previous + i * step)


cdef void end_gradients(const BackwardRun* run, Py_ssize_t t, const char* flags) noexcept nogil:
    """Let the gradients of the columns that are reset before step t end there, or add them to d_initial of Resets.

    The latter in d_initial[0] or dh_initial, as those before step 0.
    """
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, step = run.batch * n, dz_row_stride = gates_of(run.cell) * n, i, j
    cdef const real* dz = run.dz + t * run.batch * dz_row_stride
    cdef real* sums
    for j in range(run.m if run.resets.d_initial != NULL else 0):
        if flags[j]:
            sums = run.d_initial + j * n if run.WhrT == NULL else run.dh_initial + j * run.n_h
            multiply_rows(dz + j * dz_row_stride, dz_row_stride, 1, cell.stage[0].hidden * n, run.WaT, NULL, run.n_h,
                          sums)
            if cell.skips and run.WhrT == NULL:
                add_row(run.d_initial + step + j * n, n, sums)
            add_row(sums, run.n_h, run.resets.d_initial + j * n)
            for i in range(1, run.resets.states):
                add_row(run.d_initial + i * step + j * n, n, run.resets.d_initial + i * step + j * n)
    for i in range(1, run.resets.states + cell.skips):
        clear_rows(flags, run.m, n, run.d_initial + i * step)


cdef void initial_with_resets(const BackwardRun* run) noexcept nogil:
    """The gradients before step 0: none of columns that are reset there, or the sum with those of all resets."""
    cdef const char* flags = flags_at(&run.resets, 0, run.m)
    cdef Py_ssize_t n = run.n_a, step = run.batch * n, i, j
    cdef real* hidden = run.d_initial if run.WhrT == NULL else run.dh_initial
    clear_rows(flags, run.m, run.n_h, hidden)
    for j in range(run.m if run.resets.d_initial != NULL else 0):
        add_row(run.resets.d_initial + j * n, run.n_h, hidden + j * run.n_h)
        for i in range(1, run.resets.states):
            add_row(run.resets.d_initial + i * step + j * n, n, run.d_initial + i * step + j * n)


cdef void backward_projection(const BackwardRun* run, Py_ssize_t t) noexcept nogil:
    """dh of step t, the incoming gradient and W_a^T dz of the step after; and da = Whr^T dh. Works in dh_initial."""
    cdef Py_ssize_t m = batch_size_at(run.batch_sizes, run.batch_offset, run.m, t), dz_row_stride, K, i = 0
    cdef real* dh = run.dh + t * run.batch * run.n_h
    cdef vec total
    dz_row_stride = gates_of(run.cell) * run.n_a
    K = formulas_of(run.cell).stage[0].hidden * run.n_a if t + 1 < run.T else 0
    multiply_rows(run.dz + (t + 1) * run.batch * dz_row_stride, dz_row_stride, m, K, run.WaT, NULL, run.n_h,
                  run.dh_initial)
    if t + 1 < run.T:
        clear_rows(flags_at(&run.resets, t + 1, run.m), m, run.n_h, run.dh_initial)
    while i < m * run.n_h:
        total = load_tail(dh + i, m * run.n_h - i) + load_tail(run.dh_initial + i, m * run.n_h - i)
        store_tail(dh + i, total, m * run.n_h - i)
        i += LANES
    multiply_rows(dh, run.n_h, m, run.n_h, run.WhrT, NULL, run.n_a, <real*> run.da + t * run.da_stride_t)


cdef void add_skip_gradient(const BackwardRun* run, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """d_initial[0] += d_initial[1], for the units first <= j < last."""
    cdef real* sums
    cdef Py_ssize_t r, i
    cdef vec total
    for r in range(run.m):
        sums = run.d_initial + r * run.n_a
        i = first
        while i < last:
            total = load_tail(sums + i, last - i) + load_tail(sums + run.batch * run.n_a + i, last - i)
            store_tail(sums + i, total, last - i)
            i += LANES


cdef void backward_steps(const BackwardRun* run) noexcept nogil:
    """dz of some steps, from the last on; before the first of all, with packed weights, the gradient of the initial
    states.
    """
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t t = run.last_step, s, i
    cdef const char* flags
    if t == run.T and run.resets.flags != NULL and run.resets.d_initial != NULL:
        for i in range(run.resets.states):             # from -0, which adds nothing, be it a sign
            fill_row(-0.0, run.m * run.n_a, run.resets.d_initial + i * run.batch * run.n_a)
    while t > run.first_step:
        t -= 1
        flags = flags_at(&run.resets, t, run.m)
        if flags != NULL:
            begin_resets(run, t, flags)
        if run.WhrT != NULL:
            backward_projection(run, t)
        s = cell.stages
        while s > 0:
            s -= 1
            backward_stage(run, t, s)
        if flags != NULL:
            end_gradients(run, t, flags)
    if t > 0 or run.weights != NULL:
        return
    multiply_rows(run.dz, gates_of(run.cell) * run.n_a, run.m, cell.stage[0].hidden * run.n_a, run.WaT, NULL,
                  run.n_h, run.d_initial if run.WhrT == NULL else run.dh_initial)
    if cell.skips and run.WhrT == NULL:
        add_skip_gradient(run, 0, run.n_a)
    if run.resets.flags != NULL:
        initial_with_resets(run)


cdef void initial_gradient(const BackwardRun* run, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """d_initial[0] of a step on weights in place, for the units first <= j < last."""
    cdef const Formulas* cell = formulas_of(run.cell)
    sum_in_place(run, 0, cell.stage[0].hidden, first, last, run.d_initial)
    if cell.skips:
        add_skip_gradient(run, first, last)


cdef void input_gradient(const BackwardRun* run, Py_ssize_t n_x, Py_ssize_t first, Py_ssize_t last,
                         real* dx) noexcept nogil:
    """dx (m, n_x) of a step on weights in place, for the features first <= k < last."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef const GateWeights* W = run.weights
    cdef const real* dz = run.dz
    cdef How how = WRITTEN
    cdef Py_ssize_t s, g
    for s in range(cell.stages):
        for g in range(cell.stage[s].gates):
            if g >= cell.stage[s].gates - cell.stage[s].input:
                multiply_in_place(dz, gates_of(run.cell) * run.n_a, run.m, run.n_a, W.Wx + first, W.Wx_row_stride,
                                  last - first, how, dx + first, n_x)
                how = CONTINUED
            dz += run.n_a
            W += 1
