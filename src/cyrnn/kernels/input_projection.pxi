"""The input projection, b + W_x x: the first half of every chain waits for no step and is hoisted out of the time loop.

Design. The loop then reads W_a alone, which stays in the cache where both would not (2 MB of L2, f32 LSTM
256,256,32,50: 68 GFLOP/s with both products fused, 132 so; Xeon with AVX-512, 2026-11-23). There are these ways:
    in blocks    for some steps at once, before the loop runs them
    fused        not hoisted: where the cache holds both, full tiles of one long chain save writing z and reading it
                 again (f32 LSTM (64,64,8,50) 317 -> 306 us, (128,128,8,64) 1395 -> 1356; Zen 4, 2026-11-26)
    tokens       always in blocks: a row of z is a column of W_x and b (tokens.pxi)
    interleaved  for one column: the loop waits for W_a to come from the cache, and meanwhile the FMA units sum the
                 input half of later steps, some rows at a time, in each step over a range of k. f32, us:
                 (64,64,1,100) LSTM 102 -> 90, GRU 77 -> 70; (128,128,1,100) 389 -> 341, 296 -> 248; (512,512,1,50)
                 3234 -> 2855, 2385 -> 2117 (Zen 4, 2026-11-26)
"""

cdef enum:
    # Workspace of a block of steps: 512 KB on AVX-512, but at least one step and, if T allows, 48 rows of z; and half
    # the size of W_x, so that a W_x larger than all caches is read once for many rows (f32 1024,1024,64,25: 13%).
    WORK_VECTORS = 8192
    WORK_ROWS = 48
    FUSED_BYTES = 1 << 19    # half of a small L2
    FUSED_ROWS = 4


cdef inline Py_ssize_t hoisted_steps(const Run* run, Py_ssize_t width, bint always) noexcept nogil:
    """How many steps a block has; 0: both halves are better fused."""
    if (run.T < 2 and not always) or run.T == 0 or run.m == 0 or width == 0:
        return 0
    if run.tokens:
        return min(run.T, max(1, WORK_ROWS // run.m))
    if TILE_ROWS > 3 and run.m >= FUSED_ROWS and not always and bytes_of(run, width) <= FUSED_BYTES:
        return 0
    return min(run.T, max(1, max(WORK_ROWS, max(WORK_VECTORS // width, run.n_x // 2)) // run.m))


cdef Py_ssize_t plan_input_projection(const Run* run, StagePlan* plans, Py_ssize_t stages,
                                      Py_ssize_t width) noexcept nogil:
    """Settle how many steps are hoisted, of all stages alike; return how many elements their rows take."""
    cdef Py_ssize_t s, workspace = 0, steps = hoisted_steps(run, width, run.tokens or has_separate_halves(&plans[0]))
    cdef bint interleaved = steps > 0 and can_interleave(run, plans, stages)
    cdef StagePlan* plan
    for s in range(stages):
        plan = &plans[s]
        plan.first_step = 0
        plan.interleaved_rows = max_interleaved_rows(plan.V_x) if interleaved else 0
        plan.steps = run.T % plan.interleaved_rows + plan.interleaved_rows if interleaved else steps
        workspace += (plan.steps + plan.interleaved_rows) * run.m * plan.width * LANES
    return workspace


cdef void project_inputs(const Run* run, const StagePlan* plan, Py_ssize_t t0, Py_ssize_t t1) noexcept nogil:
    """projected (t1 - t0, m, width) = b + W_x x for the steps t0 <= t < t1: the first half of every chain."""
    cdef Py_ssize_t V = plan.V_x, total = (t1 - t0) * run.m, row, column, panel = 0, t, R, Vp, max_share
    cdef Py_ssize_t skipped = plan.stage.gates - plan.stage.input          # vectors before those with an input half
    cdef bint evenly = run.batch_sizes == NULL and (run.m == 1 or run.x_stride_t == run.m * run.x_stride_m)
    cdef Product p
    if run.tokens:
        project_tokens(run, plan, t0, t1)
        return
    p.second.K = 0
    p.start_is_column = False
    p.ahead = NULL
    p.start_row_stride = 0
    p.z_row_stride = plan.width * LANES
    p.z_panel_stride = 0
    p.first.K = run.n_x
    p.first.row_stride = run.x_stride_m if run.m > 1 else run.x_stride_t
    p.first.k_stride = run.x_stride_k
    while panel * plan.V < plan.width:
        Vp = min(V, plan.width - panel * plan.V)
        max_share = max_rows(1, Vp)
        p.first.panel = plan.Wx + panel * V * LANES * run.n_x
        p.first.panel_k_stride = Vp * LANES
        p.start = plan.b + (panel * plan.V + skipped) * LANES
        if (panel + 1) * plan.V < plan.width:
            ask_for(&p, p.first.panel + V * LANES * run.n_x, V * LANES * run.n_x)
        row = 0
        while row < total:
            t, column = t0 + row // run.m, row % run.m
            # rows of one tile must be evenly spaced in x: of several steps if x is, else of one step
            if evenly:
                R = min(max_share, total - row)
            else:
                R = min(max_share, batch_size_at(run.batch_sizes, run.batch_offset, run.m, t) - column)
                if R <= 0:
                    row += run.m - column
                    continue
            p.first.rows = run.x + t * run.x_stride_t + column * run.x_stride_m
            p.z = plan.projected + row * p.z_row_stride + (panel * plan.V + skipped) * LANES
            product(&p, R, 1, Vp)
            row += R
        panel += 1
