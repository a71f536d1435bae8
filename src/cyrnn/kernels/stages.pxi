"""The stages of a forward pass: where each finds its weights, its input projection and its pointwise arguments."""

ctypedef struct StagePlan:
    # One stage of a run. V, V_x, V_a: vectors of a panel, of all gates, of gates with an input half, a recurrent half.
    const Stage* stage
    Py_ssize_t V, V_x, V_a
    Py_ssize_t width         # vectors of a row of z
    Py_ssize_t K             # elements of a row that W_a multiplies
    const real* Wx           # the stage's share of Run.Wx, Run.Wa, Run.b
    const real* Wa
    const real* b
    real* projected          # workspace (rows, m, width): b + W_x x of some steps, from step `first_step` on
    Py_ssize_t first_step
    Py_ssize_t steps         # summed before the loop runs them; 0: both halves are fused
    Py_ssize_t interleaved_rows  # of one group; 0: not interleaved


cdef Py_ssize_t plan_stages(const Run* run, StagePlan* plans) noexcept nogil:
    """Find the weights of each stage; return how many vectors a row of z has in all of them together."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef const Stage* stage
    cdef const real* Wx = run.Wx
    cdef const real* Wa = run.Wa
    cdef const real* b = run.b
    cdef Py_ssize_t s, width = 0
    for s in range(cell.stages):
        stage = &cell.stage[s]
        plans[s].stage = stage
        plans[s].V, plans[s].V_x = vectors_per_panel(stage.gates), vectors_per_panel(stage.input)
        plans[s].V_a, plans[s].width = vectors_per_panel(stage.hidden), vectors(run.n_a, stage.gates)
        plans[s].Wx, plans[s].Wa, plans[s].b = Wx, Wa, b
        plans[s].K = recurrent_inputs(s, run.n_h, run.n_a)
        Wx += packed_elements(run.n_a, run.n_x, stage.input)
        Wa += packed_elements(run.n_a, plans[s].K, stage.hidden)
        b += packed_elements(run.n_a, 1, stage.gates)
        width += plans[s].width
    return width


cdef inline Py_ssize_t batch_size_at(const Py_ssize_t* batch_sizes, Py_ssize_t batch_offset, Py_ssize_t m,
                                     Py_ssize_t t) noexcept nogil:
    """How many of m columns, from batch_offset on, take part in step t."""
    return m if batch_sizes == NULL else max(0, min(m, batch_sizes[t] - batch_offset))


cdef inline bint has_separate_halves(const StagePlan* plan) noexcept nogil:
    return plan.stage.input < plan.stage.gates


cdef inline double bytes_of(const Run* run, Py_ssize_t width) noexcept nogil:
    """Bytes of all weights, if every gate has both its halves."""
    return (<double> run.n_x + run.n_h) * width * LANES * sizeof(real)


cdef inline real* projected_row(const Run* run, const StagePlan* plan, Py_ssize_t t) noexcept nogil:
    """b + W_x x of step t. Behind the rows summed before the loop, interleaved groups take two slots in turn."""
    cdef Py_ssize_t row = t - plan.first_step, first = plan.steps - plan.interleaved_rows
    if plan.interleaved_rows > 0 and row >= first:
        row = first + (row - first) % (2 * plan.interleaved_rows)
    return plan.projected + row * run.m * plan.width * LANES


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
