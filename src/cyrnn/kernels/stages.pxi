"""The stages of a forward pass: where each finds its weights, its input projection and its pointwise arguments."""

ctypedef struct StagePlan:
    # One stage of a run. V, V_x, V_a: vectors of a panel, of all gates, of gates with an input half, a recurrent half.
    const Stage* stage
    Py_ssize_t V, V_x, V_a
    Py_ssize_t width         # vectors of a row of z
    Py_ssize_t K             # elements of a row that W_a multiplies; 0 where no gate has a recurrent half
    const real* Wx           # the stage's share of Run.Wx, Run.Wa, Run.b
    const real* Wa
    const real* b
    real* projected          # workspace (rows, m, width): b + W_x x of some steps, from step `first_step` on
    Py_ssize_t first_step
    Py_ssize_t steps         # summed before the loop runs them; 0: both halves are fused
    Py_ssize_t interleaved_rows  # of one group; 0: not interleaved


cdef inline void begin_plan(const Run* run, Py_ssize_t s, StagePlan* plan) noexcept nogil:
    """Fill in the sizes of stage s."""
    cdef const Stage* stage = &formulas_of(run.cell).stage[s]
    plan.stage = stage
    plan.V, plan.V_x = vectors_per_panel(stage.gates), vectors_per_panel(stage.input)
    plan.V_a, plan.width = vectors_per_panel(stage.hidden), vectors(run.n_a, stage.gates)
    plan.K = recurrent_inputs(s, run.n_h, run.n_a) if stage.hidden > 0 else 0


cdef inline Py_ssize_t batch_size_at(const Py_ssize_t* batch_sizes, Py_ssize_t batch_offset, Py_ssize_t m,
                                     Py_ssize_t t) noexcept nogil:
    """How many of m columns, from batch_offset on, take part in step t."""
    return m if batch_sizes == NULL else max(0, min(m, batch_sizes[t] - batch_offset))


cdef inline Py_ssize_t token_at(const Run* run, Py_ssize_t t, Py_ssize_t column) noexcept nogil:
    """The token of a column in step t, of a run that reads such."""
    return <Py_ssize_t> (<const bits*> run.x)[t * run.x_stride_t + column * run.x_stride_m]


cdef inline bint has_separate_halves(const StagePlan* plan) noexcept nogil:
    return min(plan.stage.input, plan.stage.hidden) < plan.stage.gates


cdef inline double bytes_of(const Run* run, Py_ssize_t width) noexcept nogil:
    """Bytes of all weights, if every gate has both its halves."""
    return (<double> run.n_x + run.n_h) * width * LANES * sizeof(real)


cdef inline real* projected_row(const Run* run, const StagePlan* plan, Py_ssize_t t) noexcept nogil:
    """b + W_x x of step t. Behind the rows summed before the loop, interleaved groups take two slots in turn."""
    cdef Py_ssize_t row = t - plan.first_step, first = plan.steps - plan.interleaved_rows
    if plan.interleaved_rows > 0 and row >= first:
        row = first + (row - first) % (2 * plan.interleaved_rows)
    return plan.projected + row * run.m * plan.width * LANES


cdef void fill_biases(const StagePlan* plan, Py_ssize_t rows) noexcept nogil:
    """Write b of the gates without an input half to all rows of `projected`, once for all steps."""
    cdef Py_ssize_t row, v, g
    for row in range(rows):
        v = 0
        while v < plan.width:
            for g in range(plan.stage.gates - plan.stage.input):
                store(plan.projected + (row * plan.width + v + g) * LANES, load(plan.b + (v + g) * LANES))
            v += plan.V


cdef inline const real* hidden_before(const Run* run, Py_ssize_t t, const PointwiseArgs* at) noexcept nogil:
    """The hidden states (m, n_h) before step t, of which begin_step has told."""
    if run.Whr == NULL or at.previous == run.resets.previous:
        return at.previous
    if t > 0:
        return run.hidden + (t - 1) * run.batch * run.n_h
    return run.hidden_initial


cdef void reset_columns(const Run* run, Py_ssize_t t, Py_ssize_t m, const char* flags,
                        PointwiseArgs* at) noexcept nogil:
    """Let step t find the states of m columns in the workspace, some of them reset."""
    cdef const Resets* resets = &run.resets
    cdef const real* hidden = hidden_before(run, t, at)
    cdef Py_ssize_t n = run.n_a, i
    copy_with_resets(resets, flags, 0, hidden, m, run.n_h, n, resets.previous)
    for i in range(1, resets.states):
        copy_with_resets(resets, flags, i, at.previous + i * at.previous_state_stride, m, n, n,
                         resets.previous + i * run.batch * n)
    at.previous, at.previous_state_stride = resets.previous, run.batch * n


cdef inline void begin_step(const Run* run, Py_ssize_t t, real* between, PointwiseArgs* at) noexcept nogil:
    """Fill in where step t has its states and gates, of the first row and unit; not `next`, which is a stage's."""
    cdef Py_ssize_t n = run.n_a
    cdef const char* flags
    at.variant = run.variant
    at.row_stride = n
    at.state_stride = run.state_stride + t * (run.state_stride_t - run.batch * n)
    if t > 0:
        at.previous = run.states + (t - 1) * run.batch * n
        at.previous_state_stride = run.state_stride + (t - 1) * (run.state_stride_t - run.batch * n)
    else:
        at.previous = run.initial
        at.previous_state_stride = run.initial_state_stride
    at.gates = NULL
    at.gate_stride = run.batch * n
    if run.gates != NULL:
        at.gates = run.gates + formulas_of(run.cell).kept * t * run.batch * n
    elif between != NULL:
        at.gates = between + run.m * n
        at.gate_stride = run.m * n
    flags = flags_at(&run.resets, t, run.m)
    if flags != NULL:
        reset_columns(run, t, batch_size_at(run.batch_sizes, run.batch_offset, run.m, t), flags, at)


cdef inline void begin_args(PointwiseArgs* args, const StagePlan* plan, const PointwiseArgs* at, Py_ssize_t rows,
                            real* z, Py_ssize_t z_row_stride) noexcept nogil:
    """Fill in the fields that all panels share. One by one: a wide copy would wait for the narrow stores of `at`."""
    args.rows = rows
    args.variant = at.variant
    args.z = z
    args.z_row_stride = z_row_stride
    args.z_gate_stride = units_per_panel(plan.stage.gates)
    args.row_stride = at.row_stride
    args.previous_state_stride = at.previous_state_stride
    args.state_stride = at.state_stride
    args.gate_stride = at.gate_stride


cdef inline void pointwise_of_panel(const StagePlan* plan, const PointwiseArgs* at, Py_ssize_t row, Py_ssize_t panel,
                                    Py_ssize_t n, PointwiseArgs* args) noexcept nogil:
    """Gates and next states of args.rows rows, from `row` on, and the units of a panel, whose z is args.z."""
    cdef Py_ssize_t per = units_per_panel(plan.stage.gates)
    args.n = min(per, n - panel * per)
    args.unit = panel * per
    pointwise_from(plan, at, row * n + panel * per, args)


cdef inline void pointwise_from(const StagePlan* plan, const PointwiseArgs* at, Py_ssize_t i,
                                PointwiseArgs* args) noexcept nogil:
    """Gates and next states from element i of the first row on."""
    args.previous = at.previous + i
    args.next = at.next + i
    args.gates = NULL if at.gates == NULL else at.gates + i
    plan.stage.pointwise(args)


cdef enum:
    TILE_VECTORS = 32        # of z at a time: 8 rows of one panel, 4 of two, 2 of four


cdef inline void compact(const real* z, Py_ssize_t z_row_stride, Py_ssize_t gates, Py_ssize_t R, Py_ssize_t n,
                         real* out) noexcept nogil:
    """out (gates, R * LANES): the n units of each row of z (R, gates, LANES), row after row without gaps."""
    cdef Py_ssize_t g, r
    for g in range(gates):
        store(out + g * R * LANES + R * n // LANES * LANES, splat(0))    # nothing subnormal behind the last row
        for r in range(R):                             # ascending: each row covers what the one before has past n
            store(out + g * R * LANES + r * n, load(z + r * z_row_stride + g * LANES))
