"""The backward pass in ranges that threads may share: the time loop, and the products that follow it.

Of a ragged batch all products are over the rows that take part: those of the grid (T, m), compacted.
"""

cdef struct GateGradients:
    # where the gradients of one gate's weights go, NULL for a half that it has not; strides in bytes
    char* dWa
    char* dWx
    char* db
    Py_ssize_t dWa_row_stride, dWx_row_stride
    int stage


cdef struct Backward:
    CallContext* context
    BackwardRun back
    GateGradients out[MAX_GATES]
    Py_ssize_t rows          # how many take part
    const real* dz           # (rows, G * n_a), in place or compacted; likewise
    const real* x            # (rows, n_x), of this row stride
    Py_ssize_t x_row_stride
    const real* first_hidden  # (first_rows, n_h): what W_a was multiplied by, before the first step
    Py_ssize_t first_rows
    const real* hidden       # (rows - first_rows, n_h): after it
    const real* inner        # (rows, n_a): what W_a of a second stage was multiplied by
    char* dx                 # (rows, n_x), written
    bint in_place            # whether the products read W as it is; else
    char* WxT                # packed; WaT is in `back`
    Py_ssize_t skipped       # elements of a row of dz before those of gates with an input half
    char* panels             # for the z of gates that no cache keeps: W_a and b of the first gate, packed
    char* b
    const real* dh           # (rows, n_h): the gradients of a projection,
    const real* a            # (rows, n_a): and what it was multiplied by
    char* dWhr               # (n_h, n_a)
    const real* c_prev       # (rows, n_a): what peepholes were multiplied by, before each step
    const real* c_next       # and after it
    char* dP                 # (peepholes, n_a); NULL where there are none
    const int* peephole_gates  # which gate each is of
    Py_ssize_t peepholes
    const char* resets       # (rows,): where W_a was multiplied by other rows than `hidden` has, or NULL; and these,
    const real* initial      # (initial_rows, n_h), in turn
    Py_ssize_t initial_rows


cdef int pack_transposed_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    cdef const Backward* w = <const Backward*> given
    cdef const Run* run = &w.context.run
    cdef const Table* table = w.context.table
    cdef const GateWeights* W = run.weights
    if not w.in_place:
        table.pack_transposed_weights(run.cell, run.n_x, run.n_h, run.n_a, W, <real*> w.WxT, <real*> w.back.WaT)
    if w.panels != NULL:
        table.pack_gate(W.Wa, W.Wa_row_stride, W.Wa_col_stride, run.n_a, run.n_h, 0, 1, <real*> w.panels)
        table.pack_gate(W.b, W.b_stride, 1, run.n_a, 1, 0, 1, <real*> w.b)
    return 0


cdef int recompute_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """z = W_a a_prev + b of the gate that no cache keeps, for some rows of the grid (T, m)."""
    cdef const Backward* w = <const Backward*> given
    cdef Py_ssize_t n = w.back.n_a, m = w.back.m, middle = min(max(first, m), last), item = w.context.item, row
    cdef int outcome = DONE
    if first < middle:
        outcome = multiply(w.context.table, advance(w.back.initial, first * n, item), n, middle - first, n,
                           <const real*> w.panels, <const real*> w.b, n,
                           <real*> advance(w.back.inner, first * n, item), item, progress)
    if middle < last and outcome == DONE:
        outcome = multiply(w.context.table, advance(w.back.previous, (middle - m) * n, item), n, last - middle, n,
                           <const real*> w.panels, <const real*> w.b, n,
                           <real*> advance(w.back.inner, middle * n, item), item, progress)
    for row in range(first, last if w.resets != NULL and outcome == DONE else first):
        if w.resets[row]:
            w.context.table.multiply(advance(w.initial, row % w.initial_rows * n, item), n, 1, n,
                                     <const real*> w.panels, <const real*> w.b, n,
                                     <real*> advance(w.back.inner, row * n, item))
    return outcome


cdef int columns_back_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """All steps of some columns."""
    cdef const Backward* w = <const Backward*> given
    cdef BackwardRun back = w.back
    cdef Py_ssize_t offset = first * back.n_a, hidden_offset = first * back.n_h, item = w.context.item
    back.m, back.batch_offset = last - first, first
    back.da = advance(back.da, offset if back.WhrT != NULL else first * back.da_stride_m, item)
    back.initial, back.next = advance(back.initial, offset, item), advance(back.next, offset, item)
    if back.T > 1:
        back.previous = advance(back.previous, offset, item)
    back.gates = advance(back.gates, offset, item)
    back.inner = <real*> advance(back.inner, offset, item)
    back.dz = <real*> advance(back.dz, offset * w.context.gates, item)
    back.sums = <real*> advance(back.sums, offset, item)
    back.d_initial = <real*> advance(back.d_initial, offset, item)
    back.dh = <real*> advance(back.dh, hidden_offset, item)
    back.dh_initial = <real*> advance(back.dh_initial, hidden_offset, item)
    reset_columns(&back.resets, first, back.n_a, item)
    return backward_steps(w.context, &back, progress)


cdef int dx_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """dx of some rows."""
    cdef const Backward* w = <const Backward*> given
    cdef Py_ssize_t dz_row_stride = w.context.gates * w.back.n_a, n_x = w.context.run.n_x, item = w.context.item
    return multiply(w.context.table, advance(w.dz, first * dz_row_stride + w.skipped, item), dz_row_stride,
                    last - first, dz_row_stride - w.skipped, <const real*> w.WxT, NULL, n_x,
                    <real*> (w.dx + first * n_x * item), item, progress)


cdef inline void group_of_units(Py_ssize_t first, Py_ssize_t last, Py_ssize_t units, Py_ssize_t* begin,
                                Py_ssize_t* end) noexcept nogil:
    """The units of a range of groups, of which no two threads share one."""
    begin[0], end[0] = first * UNITS_OF_GROUP, min(last * UNITS_OF_GROUP, units)


cdef int initial_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """The gradient of the initial state of a step on weights in place, for some groups of units."""
    cdef const Backward* w = <const Backward*> given
    group_of_units(first, last, w.back.n_a, &first, &last)
    w.context.table.initial_gradient(&w.back, first, last)
    return DONE


cdef int dx_in_place_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """dx of a step on weights in place, for some groups of features."""
    cdef const Backward* w = <const Backward*> given
    group_of_units(first, last, w.context.run.n_x, &first, &last)
    w.context.table.input_gradient(&w.back, w.context.run.n_x, first, last, <real*> w.dx)
    return DONE


cdef enum:
    # what gates are multiplied by, for the gradients of their weights
    HIDDEN
    INNER
    INPUTS


cdef inline void set_right(OuterRight* right, Py_ssize_t K, const real* first, Py_ssize_t first_rows, const real* rows,
                           Py_ssize_t row_stride) noexcept nogil:
    right.K, right.first, right.first_rows, right.rows, right.row_stride = K, first, first_rows, rows, row_stride
    right.resets = NULL


cdef void find_weight_sums(const Backward* w, Py_ssize_t first, OuterSum* outer) noexcept nogil:
    """The sums of all gates' weights, from unit `first` on; their number is left to the caller."""
    cdef const CallContext* context = w.context
    cdef const GateGradients* out
    cdef Py_ssize_t g, i, n = context.run.n_a, n_h = context.run.n_h, n_x = context.run.n_x, item = context.item
    outer.N, outer.gates, outer.rights = w.rows, context.gates, MAX_RIGHTS
    outer.left, outer.left_row_stride, outer.left_gate_stride = advance(w.dz, first, item), context.gates * n, n
    set_right(&outer.right[HIDDEN], 0, w.first_hidden, w.first_rows, w.hidden, n_h)
    outer.right[HIDDEN].resets, outer.right[HIDDEN].initial = w.resets, w.initial
    outer.right[HIDDEN].initial_rows = w.initial_rows
    set_right(&outer.right[INNER], 0, NULL, 0, w.inner, n)
    set_right(&outer.right[INPUTS], 0, NULL, 0, w.x, w.x_row_stride)
    for g in range(context.gates):
        out = &w.out[g]
        for i in range(MAX_RIGHTS):
            outer.out[g][i] = NULL
        if out.dWa != NULL:
            i = INNER if out.stage > 0 else HIDDEN
            outer.right[i].K = n if out.stage > 0 else n_h
            outer.out[g][i] = <real*> (out.dWa + first * out.dWa_row_stride)
            outer.out_row_stride[i] = out.dWa_row_stride // item
        if out.dWx != NULL:
            outer.right[INPUTS].K = n_x
            outer.out[g][INPUTS] = <real*> (out.dWx + first * out.dWx_row_stride)
            outer.out_row_stride[INPUTS] = out.dWx_row_stride // item


cdef int weights_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """The gradients of some units' weights, in every gate."""
    cdef const Backward* w = <const Backward*> given
    cdef const CallContext* context = w.context
    cdef Py_ssize_t n = context.run.n_a, item = context.item, unit = first, g, block, p
    cdef OuterSum outer
    cdef int outcome = DONE
    find_weight_sums(w, first, &outer)
    block = block_of(context.table, last - first, BLOCK_ROWS * fmas_of_unit(&outer), TILES)
    while unit < last and outcome == DONE:
        find_weight_sums(w, unit, &outer)
        outer.units = min(block, last - unit)
        outcome = sum_outer(context.table, &outer, item, progress)
        unit += block
    g = 0
    while g < context.gates and outcome == DONE:
        outcome = add_rows(context.table, advance(w.dz, g * n + first, item), context.gates * n, w.rows, last - first,
                           <real*> (w.out[g].db + first * item), item, progress)
        g += 1
    for p in range(w.peepholes if w.dP != NULL else 0):
        if outcome == DONE:
            g = w.peephole_gates[p]                    # of ot, the last one, the cell state after the step
            outcome = add_products(context.table, advance(w.dz, g * n + first, item), context.gates * n,
                                   advance(w.c_next if g + 1 == context.gates else w.c_prev, first, item), n, w.rows,
                                   last - first, <real*> (w.dP + (p * n + first) * item), item, progress)
    return outcome


cdef int projection_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """The gradients of some rows of W_hr."""
    cdef const Backward* w = <const Backward*> given
    cdef Py_ssize_t item = w.context.item, n = w.back.n_a
    cdef OuterSum outer
    outer.N, outer.units, outer.gates, outer.rights = w.rows, last - first, 1, 1
    outer.left, outer.left_row_stride, outer.left_gate_stride = advance(w.dh, first, item), w.back.n_h, 0
    set_right(&outer.right[0], n, NULL, 0, w.a, n)
    outer.out[0][0], outer.out_row_stride[0] = <real*> (w.dWhr + first * n * item), n
    return sum_outer(w.context.table, &outer, item, progress)


cdef int run_steps_back(CellCalls calls, Backward* w) except -1:
    """Pack, recompute, and run the time loop: dz, and the gradients of the initial states."""
    cdef const Run* run = &w.context.run
    cdef Py_ssize_t rows = run.T * run.m, K = calls.gates * run.n_a
    if not w.in_place or w.panels != NULL:
        parallel_for(pack_transposed_range, w, 1, <double> K * (run.n_h + run.n_x))
    if calls.recomputed:
        parallel_for(recompute_range, w, rows, <double> rows * run.n_a * run.n_h)
    parallel_for(columns_back_range, w, run.m, <double> w.rows * K * run.n_h)
    if w.in_place:
        parallel_for(initial_range, w, groups_of_units(run.n_a), fmas_of_units(w.context))
    return 0


cdef int run_products(CellCalls calls, Backward* w) except -1:
    """dx and the gradients of the weights, which do not wait for each other."""
    cdef const Run* run = &w.context.run
    cdef double fmas = <double> w.rows * calls.gates * run.n_a
    if run.n_x > 0 and w.in_place:
        parallel_for(dx_in_place_range, w, groups_of_units(run.n_x), fmas_of_units(w.context))
    elif run.n_x > 0:
        parallel_for(dx_range, w, w.rows, fmas * run.n_x)
    parallel_for(weights_range, w, run.n_a, fmas * (<double> run.n_x + run.n_h))
    if w.dWhr != NULL:
        parallel_for(projection_range, w, run.n_h, <double> w.rows * run.n_h * run.n_a)
    return 0


cdef struct Workspace:
    # where a backward pass works: sizes in bytes, each part from a cache line on
    Py_ssize_t dz, WaT, WxT, sums, inner, panels, b


cdef Py_ssize_t plan_workspace(CellCalls calls, const CallContext* context, bint in_place,
                               Workspace* plan) noexcept:
    """Settle the sizes of what every backward pass needs; return their sum."""
    cdef const Run* run = &context.run
    cdef Py_ssize_t item = context.item, rows = run.T * run.m
    cdef Py_ssize_t sizes[5]
    keep_freed_memory()                                                # every backward pass comes by here
    context.table.weight_sizes(run.cell, run.n_x, run.n_h, run.n_a, sizes)
    plan.dz = rows * calls.gates * run.n_a * item
    plan.WxT, plan.WaT, plan.sums = sizes[3] * item, sizes[4] * item, 0
    if in_place:
        plan.WxT, plan.WaT, plan.sums = 0, 0, rows * run.n_a * item if calls.stages > 1 else 0
    plan.inner = rows * run.n_a * item if calls.recomputed or calls.stages > 1 else 0
    plan.panels = context.table.packed_size(run.n_a, run.n_h, 1) * item if calls.recomputed else 0
    plan.b = context.table.packed_size(run.n_a, 1, 1) * item if calls.recomputed else 0
    return (plan.dz + plan.WxT + plan.WaT + plan.sums + plan.inner + plan.panels + plan.b
            + 9 * CACHE_LINE_BYTES)


cdef char* divide_workspace(CellCalls calls, Backward* w, bint in_place, const Workspace* plan,
                            char* memory) noexcept:
    """Let each part of the plan have its memory; return where memory goes on."""
    w.in_place = in_place
    w.back.weights = w.context.run.weights if in_place else NULL
    memory = aligned(memory)
    w.skipped, w.panels, w.back.inner = calls.recomputed * w.back.n_a, NULL, NULL
    w.back.dz = <real*> memory
    memory = next_line(memory, plan.dz)
    w.back.WaT = <const real*> memory
    memory = next_line(memory, plan.WaT)
    w.WxT = memory
    memory = next_line(memory, plan.WxT)
    w.back.sums = <real*> memory
    memory = next_line(memory, plan.sums)
    if plan.inner:
        w.back.inner = <real*> memory
        memory = next_line(memory, plan.inner)
    if calls.recomputed:
        w.panels = memory
        memory = next_line(memory, plan.panels)
        w.b = memory
        memory = next_line(memory, plan.b)
    return memory
