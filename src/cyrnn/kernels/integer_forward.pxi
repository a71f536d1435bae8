"""The time loop over integer weights, units in lanes.

Design. As in forward.pxi: the input projection is summed for some steps at once, before the loop runs them; a tile of z
goes to a small buffer, and the cell's pointwise function turns it into gates and next states. Before a product its rows
become integers, in a pass of their own: they are read from the first level of the cache, and the product of one panel
has them all.
"""

cdef enum:
    INTEGER_WORK_ROWS = 48   # of z, of a block of steps, if T allows; but one step at least
    WORK_VECTORS_ON_STACK = 64  # of the workspace of few units: one step of small models is done in half a microsecond
    VECTORS_AT_ONCE = 16     # of z of one row: more, and pointwise work waits for too many sums


cdef void quantize_inputs(const Run* run, Py_ssize_t t0, Py_ssize_t t1, const IntegerWork* work) noexcept nogil:
    """x of the steps t0 <= t < t1 as integers; rows of columns that take no part are zero."""
    cdef const IntegerWeights* weights = run.integers
    cdef const IntegerRows* rows = &work.x
    cdef const real* x
    cdef char* out = rows.rows
    cdef real* scale = rows.scale
    cdef Py_ssize_t t, column, active
    for t in range(t0, t1):
        active = batch_size_at(run.batch_sizes, run.batch_offset, run.m, t)
        for column in range(run.m):
            x = run.x + t * run.x_stride_t + column * run.x_stride_m
            if column >= active:
                memset(out, 0, rows.row_stride)
                scale[0] = 0
            else:
                if run.x_stride_k != 1:
                    gather(x, run.x_stride_k, run.n_x, work.gathered)
                    x = work.gathered
                scale[0] = quantize_input(x, run.n_x, weights.Wx.levels, weights.width, rows.row_stride, out)
            out += rows.row_stride
            scale += 1


cdef void project_integers(const Run* run, const IntegerStage* stage, const IntegerWork* work,
                           Py_ssize_t total) noexcept nogil:
    """projected (total, width) = b + W_x x of so many rows: the first half of every z."""
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t V = plan.V_x, skipped = plan.stage.gates - plan.stage.input, panel = 0, row, R, Vp
    cdef int width
    cdef IntegerProduct p
    begin_product(&p, &work.x, run.n_x, run.integers.width)
    p.start_row_stride = p.start_panel_stride = p.z_panel_stride = 0
    p.z_row_stride, p.z_vector_stride = plan.width * LANES, LANES
    while panel * plan.V < plan.width:
        Vp = min(V, plan.width - panel * plan.V)
        take_panel(&p, &stage.Wx, panel, V, run.integers.width)
        width = widen_panel(&p, work, total, Vp, run.integers.width)
        p.start = plan.b + (panel * plan.V + skipped) * LANES
        row = 0
        while row < total:
            R = even_share(total - row, integer_tile_rows(run.integers.width))
            take_integer_rows(&p, &work.x, row)
            p.z = plan.projected + row * p.z_row_stride + (panel * plan.V + skipped) * LANES
            integer_product(&p, R, 1, Vp, width)
            row += R
        panel += 1


cdef inline void project_token(const Run* run, const IntegerStage* stage, Py_ssize_t token, const real* scale,
                               real* z, int width) noexcept nogil:
    """A row of z: as from a row of x that is 1 for a token, and 0 else. Of W_x one group of k is read."""
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t V = plan.V_x, skipped = plan.stage.gates - plan.stage.input, panel = 0, Vp, v
    cdef Py_ssize_t k = token % GROUP(width), group = token // GROUP(width)
    cdef char planes[8]                                                # a group of each, not raised: zeros stay zeros
    cdef int level = <int> run.integers.Wx.levels, high = (level + 128) // 256 if PLANES(width) > 1 else 0
    cdef int16_t pair[2]
    cdef ivec sums[2]
    cdef IntegerProduct p
    p.groups = groups_of(run.n_x, width)
    memset(planes, 0, sizeof(planes))
    pair[0], pair[1] = <int16_t> (high if PLANES(width) > 1 else level), <int16_t> (level - 256 * high)
    if ROW_WIDTH(width) == 1:
        planes[k] = <char> level
    else:
        memcpy(planes + 2 * k, &pair[0], 2)
        memcpy(planes + 4 + 2 * k, &pair[1], 2)
    while panel * plan.V < plan.width:
        Vp = min(V, plan.width - panel * plan.V)
        take_panel(&p, &stage.Wx, panel, V, width)
        p.panel += group * Vp * WEIGHT_VECTOR(width)
        for v in range(Vp):
            sums[0] = sums[1] = isplat(0)
            sums_dot(sums, planes, 4, p.panel + v * WEIGHT_VECTOR(width), 0, PLANES(width), 1, 1, width)
            sums_scale(sums, p.scale + v * LANES, scale, plan.b + (panel * plan.V + skipped + v) * LANES, 0, 0,
                       z + (panel * plan.V + skipped + v) * LANES, 0, 0, LANES, 1, 1, 1, width)
        panel += 1


cdef void project_integer_tokens(const Run* run, const IntegerStage* stage, Py_ssize_t t0,
                                 Py_ssize_t t1) noexcept nogil:
    """projected (t1 - t0, m, width), as project_integers has it of such rows."""
    cdef Py_ssize_t t, column
    cdef real* z
    cdef real one = 1, scale = one / run.integers.Wx.levels            # as quantize_input has it
    for t in range(t0, t1):
        for column in range(batch_size_at(run.batch_sizes, run.batch_offset, run.m, t)):
            z = stage.plan.projected + ((t - t0) * run.m + column) * stage.plan.width * LANES
            if INT8 and run.integers.width == 1:
                project_token(run, stage, token_at(run, t, column), &scale, z, 1)
            elif run.integers.width == SPLIT:
                project_token(run, stage, token_at(run, t, column), &scale, z, SPLIT)
            else:
                project_token(run, stage, token_at(run, t, column), &scale, z, 2)


cdef inline void copy_biases(const StagePlan* plan, const real* start, real* z,
                             Py_ssize_t vector_stride) noexcept nogil:
    """z of the gates without a recurrent half, of one panel and row: what they start from."""
    cdef Py_ssize_t v
    for v in range(plan.V_a, plan.V):
        store(z + v * vector_stride, load(start + v * LANES))


cdef void run_integer_row(const Run* run, const IntegerStage* stage, Py_ssize_t t, const real* projected,
                          const IntegerRows* h, const PointwiseArgs* at) noexcept nogil:
    """One stage of a step for one column: z = projected (width,) + W_a h, then pointwise.

    Units of some panels stand side by side in z, gate by gate: each call of a pointwise function loads the constants of
    all activations. LSTM (64,64,1,100), int8: 37.6 us by one panel at a time, 33.5 so (Zen 4, 2026-11-29).
    """
    cdef vec vectors_of_z[TILE_VECTORS]
    cdef real* z = <real*> vectors_of_z
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t V = plan.V, V_a = plan.V_a, width = plan.width, done = 0, panel, first, count, i, P, p, Vp
    cdef Py_ssize_t panels = (width + V - 1) // V, full = width // V, at_once = VECTORS_AT_ONCE // V
    cdef Py_ssize_t per = units_per_panel(plan.stage.gates)
    cdef bint backwards = t % 2 != 0
    cdef IntegerProduct o
    cdef PointwiseArgs args
    begin_args(&args, plan, at, 1, z, 0)
    begin_product(&o, h, plan.K, run.integers.width)
    take_integer_rows(&o, h, 0)
    o.start_row_stride, o.start_panel_stride, o.z_row_stride = 0, V * LANES, 0
    while done < panels:
        # backwards in every other step: what was read last is in the cache
        count = min(at_once, panels - done)
        first = panels - done - count if backwards else done
        o.z_panel_stride = V * LANES if plan.stage.gates == 1 else LANES
        o.z_vector_stride = LANES if plan.stage.gates == 1 else count * LANES
        i = 0
        while i < count:
            panel = first + i
            P = integer_panels_at_once(V_a, min(full - panel, count - i), run.integers.width)
            Vp = min(V_a, width - panel * V)
            take_panel(&o, &stage.Wa, panel, V_a, run.integers.width)
            o.start = projected + panel * V * LANES
            o.z = z + i * o.z_panel_stride
            if V_a > 0:
                integer_product(&o, 1, P, Vp, run.integers.width)
            for p in range(P):
                copy_biases(plan, o.start + p * V * LANES, o.z + p * o.z_panel_stride, o.z_vector_stride)
            i += P
        args.z_gate_stride = count * LANES
        args.n, args.unit = min(count * per, run.n_a - first * per), first * per
        pointwise_from(plan, at, first * per, &args)
        done += count


cdef void run_integer_rows(const Run* run, const IntegerStage* stage, Py_ssize_t t, Py_ssize_t m,
                           const real* projected, const IntegerWork* work, const PointwiseArgs* at) noexcept nogil:
    """The same for m rows of the batch, a panel at a time. `at`: arguments of the first row and unit."""
    cdef vec tile_of_z[TILE_VECTORS]
    cdef vec compacted[TILE_VECTORS]
    cdef real* z = <real*> tile_of_z
    cdef const StagePlan* plan = &stage.plan
    cdef Py_ssize_t n = run.n_a, V = plan.V, V_a = plan.V_a, width = plan.width, row, R, i, panel, r
    cdef Py_ssize_t panels = (width + V - 1) // V
    cdef Py_ssize_t Vp
    cdef int weight_width
    cdef bint narrow = 2 * n <= LANES and at.variant == NULL
    cdef IntegerProduct o
    cdef PointwiseArgs args
    begin_args(&args, plan, at, 0, z, V * LANES)
    begin_product(&o, &work.h, plan.K, run.integers.width)
    o.z, o.z_row_stride, o.z_vector_stride = z, V * LANES, LANES
    o.z_panel_stride = o.start_panel_stride = 0
    o.start_row_stride = width * LANES
    for i in range(panels):
        panel = panels - 1 - i if t % 2 != 0 else i
        Vp = min(V_a, width - panel * V)
        take_panel(&o, &stage.Wa, panel, V_a, run.integers.width)
        weight_width = widen_panel(&o, work, m, Vp, run.integers.width)
        row = 0
        while row < m:
            R = even_share(m - row, integer_tile_rows(run.integers.width))
            take_integer_rows(&o, &work.h, row)
            o.start = projected + (row * width + panel * V) * LANES
            if V_a > 0:
                integer_product(&o, R, 1, Vp, weight_width)
            for r in range(R):
                copy_biases(plan, o.start + r * o.start_row_stride, z + r * V * LANES, LANES)
            if narrow:
                compact(z, V * LANES, plan.stage.gates, R, n, <real*> compacted)
                args.rows, args.n, args.z, args.z_gate_stride = 1, R * n, <real*> compacted, R * LANES
                pointwise_from(plan, at, row * n, &args)
            else:
                args.rows = R
                pointwise_of_panel(plan, at, row, panel, n, &args)
            row += R


cdef void run_integer_step(const Run* run, const IntegerStage* stages, Py_ssize_t t,
                           const IntegerWork* work) noexcept nogil:
    """One step."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef const IntegerWeights* weights = run.integers
    cdef Py_ssize_t n = run.n_a, s, m = batch_size_at(run.batch_sizes, run.batch_offset, run.m, t)
    cdef const real* hidden                    # (m, n_h) before the step
    cdef const real* projected
    cdef Py_ssize_t first
    cdef PointwiseArgs at
    cdef NextIntegers next_rows
    begin_step(run, t, work.between, &at)
    hidden = hidden_before(run, t, &at)
    for s in range(cell.stages):
        at.next = run.states + t * run.batch * n if s + 1 == cell.stages else work.between
        quantize_rows(hidden if s == 0 else work.between, m, stages[s].plan.K, weights.Wa.levels, weights.width,
                      &work.h)
        projected = projected_row(run, &stages[s].plan, t)
        if (TILE_ROWS > 3 and stages[s].plan.interleaved_rows > 0
                and next_integers(run, &stages[s], t, work, &next_rows)):
            if s == 0 and next_rows.begins:
                first = t + stages[s].plan.interleaved_rows
                quantize_inputs(run, first, first + stages[s].plan.interleaved_rows, work)
            run_integers_interleaved(run, &stages[s], t, projected, work, &at, &next_rows)
        elif m == 1:
            run_integer_row(run, &stages[s], t, projected, &work.h, &at)
        else:
            run_integer_rows(run, &stages[s], t, m, projected, work, &at)
    if run.Whr != NULL:
        quantize_rows(run.states + t * run.batch * n, m, n, weights.Whr.levels, weights.width, &work.h)
        multiply_integer_rows(&weights.Whr, weights.width, NULL, run.n_h, &work.h, n, m,
                              run.hidden + t * run.batch * run.n_h)


cdef int integer_forward(const Run* run) noexcept nogil:
    """All T steps, as forward_packed."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef IntegerStage stages[MAX_STAGES]
    cdef IntegerWork work
    cdef Py_ssize_t t = 0, t1, s, steps, block, rows, width = plan_integer_stages(run, stages), size
    cdef Py_ssize_t pause_at = run.pause_steps
    cdef vec few[WORK_VECTORS_ON_STACK]
    cdef void* memory = few
    cdef int outcome = 0
    if run.m == 0 or run.T == 0:
        return 0
    steps = block = min(run.T, max(1, INTEGER_WORK_ROWS // run.m))
    rows = 0                                   # of a group that is interleaved
    if can_interleave_integers(run, stages):
        rows = max_interleaved_rows(stages[0].plan.V_x)
        block = run.T % rows + rows
        steps = block + rows
    size = integer_work_bytes(run, steps, width)
    if size > <Py_ssize_t> sizeof(few):
        memory = malloc(size)
    if memory == NULL:
        return -1
    place_integer_work(run, stages, steps, <char*> memory, &work)
    for s in range(cell.stages):
        stages[s].plan.steps, stages[s].plan.interleaved_rows = block, rows
    if has_separate_halves(&stages[0].plan):
        fill_biases(&stages[0].plan, steps * run.m)
    while t < run.T and outcome == 0:
        t1 = min(run.T, t + block)
        if not run.tokens:
            quantize_inputs(run, t, t1, &work)
        for s in range(cell.stages):
            stages[s].plan.first_step = t
            if run.tokens:
                project_integer_tokens(run, &stages[s], t, t1)
            else:
                project_integers(run, &stages[s], &work, (t1 - t) * run.m)
        if rows > 0:                           # the loop has the rest
            t1 = run.T
        while t < t1 and outcome == 0:
            run_integer_step(run, stages, t, &work)
            t += 1
            if t == pause_at:
                outcome = run.pause(run.progress)
                pause_at += run.pause_steps
    if memory != <void*> few:
        free(memory)
    return outcome
