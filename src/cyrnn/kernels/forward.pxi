"""The time loop over packed weights, units in lanes.

Design. The input half of every chain is hoisted out of the loop, unless both halves are fused. A tile of
pre-activations is summed in registers, stored to a small buffer in L1, and the cell's pointwise function turns it into
gates and next states. Where a vector holds the units of two rows or more, these are compacted first, since pointwise
takes most of the time there: f32 (3,5,10,7), us, LSTM 5.4 -> 3.8, GRU 4.9 -> 3.9, RNN 2.4 -> 1.9 (Zen 4, 2026-11-27).
"""

cdef Py_ssize_t plan_stages(const Run* run, StagePlan* plans) noexcept nogil:
    """Find the weights of each stage; return how many vectors a row of z has in all of them together."""
    cdef Py_ssize_t s, width = 0
    cdef const real* Wx = run.Wx
    cdef const real* Wa = run.Wa
    cdef const real* b = run.b
    for s in range(formulas_of(run.cell).stages):
        begin_plan(run, s, &plans[s])
        plans[s].Wx, plans[s].Wa, plans[s].b = Wx, Wa, b
        Wx += packed_elements(run.n_a, run.n_x, plans[s].stage.input)
        Wa += packed_elements(run.n_a, plans[s].K, plans[s].stage.hidden)
        b += packed_elements(run.n_a, 1, plans[s].stage.gates)
        width += plans[s].width
    return width


cdef void run_stage(const Run* run, const StagePlan* plan, Py_ssize_t t, Py_ssize_t m, const real* projected,
                    const real* rows, const PointwiseArgs* at) noexcept nogil:
    """One stage of a step for m rows of the batch: W_a times `rows` (m, K), then pointwise.

    `projected` (m, width): this step's b + W_x x, or NULL: summed here. `at`: arguments of the first row and unit.
    """
    cdef vec tile_of_z[TILE_VECTORS]
    cdef vec compacted[TILE_VECTORS]
    cdef real* z = <real*> tile_of_z
    cdef Py_ssize_t n = run.n_a, K = plan.K, V = plan.V, V_a = plan.V_a, width = plan.width
    cdef Py_ssize_t panels = (width + V - 1) // V, full = width // V
    cdef Py_ssize_t row, R, first, P, Vp, p, r, v, left = panels
    # one panel, and every tile has two rows or more; peepholes are those of one row
    cdef bint narrow = m > 1 and 2 * n <= LANES and at.variant == NULL
    cdef Product product_of
    cdef Product* o = &product_of
    cdef PointwiseArgs args
    begin_args(&args, plan, at, 0, z, 0)
    o.start_is_column = False
    o.ahead = NULL
    o.first.K = 0
    o.second.K = K
    o.second.row_stride = K
    o.second.k_stride = 1
    o.z = z
    o.z_panel_stride = V * LANES
    if projected == NULL:
        o.first.K = run.n_x
        o.first.row_stride = run.x_stride_m
        o.first.k_stride = run.x_stride_k
    while left > 0:
        P = next_panels(&left, panels, full, V_a, m, t % 2 != 0, &first)
        Vp = min(V_a, width - first * V)
        o.first.panel = plan.Wx + first * V_a * LANES * run.n_x     # fused only where all gates have both halves
        o.first.panel_stride = V_a * LANES * run.n_x
        o.first.panel_k_stride = Vp * LANES
        o.second.panel = plan.Wa + first * V_a * LANES * K
        o.second.panel_stride = V_a * LANES * K
        o.second.panel_k_stride = Vp * LANES
        if left > 0 and P == 1 and projected != NULL:
            ask_for_next_panel(o, plan.Wa, V_a * LANES * K, first, t % 2 != 0)
        o.z_row_stride = args.z_row_stride = P * V * LANES
        row = 0
        while row < m:
            R = even_share(m - row, max_rows(P, Vp))
            o.second.rows = rows + row * K
            if projected == NULL:
                o.first.rows = run.x + t * run.x_stride_t + row * run.x_stride_m
                o.start = plan.b + first * V * LANES
                o.start_row_stride = 0
            else:
                o.start = projected + (row * width + first * V) * LANES
                o.start_row_stride = width * LANES
            product(o, R, P, Vp)
            for v in range(V_a, V):                    # gates without a recurrent half
                for r in range(R):
                    for p in range(P):
                        store(z + r * o.z_row_stride + (p * V + v) * LANES,
                              load(o.start + r * o.start_row_stride + (p * V + v) * LANES))
            if narrow:
                compact(z, o.z_row_stride, plan.stage.gates, R, n, <real*> compacted)
                args.rows, args.n, args.z, args.z_gate_stride = 1, R * n, <real*> compacted, R * LANES
                pointwise_from(plan, at, row * n, &args)
            else:
                args.rows = R
                for p in range(P):
                    args.z = z + p * V * LANES
                    pointwise_of_panel(plan, at, row, first + p, n, &args)
            row += R


cdef void run_step(const Run* run, const StagePlan* plans, Py_ssize_t t, real* between) noexcept nogil:
    """One step. between (1 + kept, m, n_a): workspace for output and gates of a first stage."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, s, m = batch_size_at(run.batch_sizes, run.batch_offset, run.m, t)
    cdef const real* projected
    cdef const real* rows
    cdef const real* hidden                    # (m, n_h) before the step
    cdef PointwiseArgs at
    cdef Interleaved next_rows
    begin_step(run, t, between, &at)
    hidden = hidden_before(run, t, &at)
    for s in range(cell.stages):
        projected = projected_row(run, &plans[s], t) if plans[s].steps > 0 else NULL
        at.next = run.states + t * run.batch * n if s + 1 == cell.stages else between
        rows = hidden if s == 0 else between
        # the first condition is a constant: where `can_interleave` says no, nothing of it is compiled
        if TILE_ROWS > 3 and plans[s].interleaved_rows > 0 and next_interleaved(run, &plans[s], t, &next_rows):
            run_stage_interleaved(run, &plans[s], t, projected, rows, &at, &next_rows)
        else:
            run_stage(run, &plans[s], t, m, projected, rows, &at)
    if run.Whr != NULL:
        multiply_rows(run.states + t * run.batch * n, n, m, n, run.Whr, NULL, run.n_h,
                      run.hidden + t * run.batch * run.n_h)


cdef int forward_packed(const Run* run) noexcept nogil:
    """All T steps, units in lanes. Returns -1 where memory is short, and not 0 where a pause ends it."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef StagePlan plans[MAX_STAGES]
    cdef Py_ssize_t t = 0, until = run.T, pause_at = run.pause_steps, s, width = plan_stages(run, plans)
    cdef Py_ssize_t workspace = plan_input_projection(run, plans, cell.stages, width)
    cdef void* work = NULL
    cdef real* memory
    cdef real* between = NULL
    cdef int outcome = 0
    if cell.stages > 1:
        workspace += (1 + cell.kept) * run.m * run.n_a
    if workspace > 0:
        work = malloc(workspace * sizeof(real) + ALIGNMENT)
        if work == NULL:
            return -1
        memory = aligned(work)
        for s in range(cell.stages):
            plans[s].projected = memory
            memory += (plans[s].steps + plans[s].interleaved_rows) * run.m * plans[s].width * LANES
        if cell.stages > 1:
            between = memory
        if has_separate_halves(&plans[0]):
            fill_biases(&plans[0], (plans[0].steps + plans[0].interleaved_rows) * run.m)
    while t < run.T and outcome == 0:
        if plans[0].steps > 0:
            for s in range(cell.stages):
                plans[s].first_step = t
                project_inputs(run, &plans[s], t, min(run.T, t + plans[s].steps))
            if plans[0].interleaved_rows == 0:
                until = min(run.T, t + plans[0].steps)
        while t < until and outcome == 0:
            run_step(run, plans, t, between)
            t += 1
            if t == pause_at:
                outcome = run.pause(run.progress)
                pause_at += run.pause_steps
    free(work)
    return outcome
