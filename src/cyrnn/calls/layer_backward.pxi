"""A sublayer's backward pass, from the record of its forward pass.

Everything is in the order of the run; what comes in is gathered, what goes out is scattered. Past the ends of sequences
dz is zero, and the products leave those rows out.
"""

cdef char* take_da(Sublayer layer, SavedForward saved, Backward* w, const IncomingGradients* incoming,
                   const RowOrder* rows, char* memory) except NULL:
    """Let the time loop read the incoming gradients in place, or a copy in memory; return where memory goes on."""
    cdef BackwardRun* back = &w.back
    cdef Py_ssize_t item = w.context.item, n = saved.n_h
    cdef bint negative = rows.reverse
    if saved.hidden is None and incoming.states[0] == NULL and rows.order == NULL:
        if incoming.output == NULL:                                    # one row of zeros stands for all
            memset(memory, 0, n * item)
            back.da, back.da_stride_t, back.da_stride_m = <const real*> memory, 0, 0
            return next_line(memory, n * item)
        if incoming.output_stride_k == item or n == 1:
            back.da = <const real*> incoming.output
            back.da_stride_t, back.da_stride_m = incoming.output_stride_t // item, incoming.output_stride_m // item
            if negative:
                back.da, back.da_stride_t = advance(back.da, (rows.T - 1) * back.da_stride_t, item), -back.da_stride_t
            return memory
    gather_incoming(incoming, rows, n, item, memory)
    if saved.hidden is None:
        back.da, back.da_stride_t, back.da_stride_m = <const real*> memory, rows.m * n, n
        return next_line(memory, rows.T * rows.m * n * item)
    back.dh = <real*> memory
    memory = next_line(memory, rows.T * rows.m * n * item)
    back.da, back.da_stride_t, back.da_stride_m = <const real*> memory, rows.m * saved.n_a, saved.n_a
    return next_line(memory, rows.T * rows.m * saved.n_a * item)


cdef char* take_record(Sublayer layer, SavedForward saved, Backward* w, const RowOrder* rows, char* memory) except NULL:
    """Point to states and gates, and to x, or to a copy of it in memory; return where memory goes on."""
    cdef BackwardRun* back = &w.back
    cdef Py_ssize_t item = w.context.item, size = saved.m * saved.n_a, t, j
    back.initial = <const real*> data(saved.states)
    back.previous = back.next = advance(back.initial, size, item)
    back.state_stride = back.initial_state_stride = (saved.T + 1) * size
    back.gates, back.gate_stride_t = NULL, w.context.stored_gates * size
    if saved.gates is not None:
        back.gates = <const real*> data(saved.gates)
    w.first_rows, w.first_hidden, w.hidden = batch_size(rows, 0), back.initial, back.previous
    if saved.hidden is not None:
        w.first_hidden = <const real*> data(saved.hidden)
        w.hidden = advance(w.first_hidden, saved.m * saved.n_h, item)
    if saved.tokens:
        return memory
    w.x, w.x_row_stride = saved.x_rows, saved.x_stride_m if saved.m > 1 else saved.x_stride_t
    if rows.order != NULL or (saved.m > 1 and saved.T > 1 and saved.x_stride_t != saved.m * saved.x_stride_m):
        w.x, w.x_row_stride = <const real*> memory, w.context.run.n_x
        for t in range(saved.T):
            for j in range(batch_size(rows, t)):
                memcpy(memory, <const char*> saved.x_rows + (t * saved.x_stride_t + j * saved.x_stride_m) * item,
                       w.context.run.n_x * item)
                memory += w.context.run.n_x * item
        memory = aligned(memory)
    return memory


cdef tuple layer_gradients(Sublayer layer, Backward* w, bint tokens, char** hidden_biases):
    """Allocate the gradients of the weights, and note where those of each gate go, and db_a."""
    cdef const Run* run = &w.context.run
    cdef Py_ssize_t item = w.context.item, g, row
    cdef cnp.npy_intp dims[2]
    cdef cnp.ndarray dW_x, dW_a, db_x, db_a, dW_hr = None, dP = None
    cdef bint written = w.rows > 0 and layer.calls.recomputed == 0      # else a gate has not both halves
    dims[0], dims[1] = layer.block_count * run.n_a, run.n_x
    dW_x = gradient_of_weight(w.context, written and not tokens, 2, dims)
    dims[1] = run.n_h
    dW_a = gradient_of_weight(w.context, written and layer.calls.all_recurrent, 2, dims)
    db_x, db_a = (PyArray_ZEROS(1, dims, w.context.typenum, 0) for _ in range(2))
    w.dWhr, w.dP, hidden_biases[0] = NULL, NULL, <char*> data(db_a)
    if run.Whr != NULL:
        dims[0], dims[1] = run.n_h, run.n_a
        dW_hr = gradient_of_weight(w.context, w.rows > 0, 2, dims)
        w.dWhr = <char*> data(dW_hr)
    for g in range(layer.calls.gates):
        row = layer.blocks[g] * run.n_a * item
        w.out[g].stage = layer.calls.stage[g]
        w.out[g].dWx_row_stride, w.out[g].dWa_row_stride = run.n_x * item, run.n_h * item
        w.out[g].dWx = <char*> data(dW_x) + row * run.n_x if layer.calls.has_x[g] else NULL
        w.out[g].dWa = <char*> data(dW_a) + row * run.n_h if layer.calls.has_a[g] else NULL
        w.out[g].db = <char*> data(db_x if layer.calls.has_x[g] else db_a) + row
    if layer.peepholes is not None:
        dims[0], dims[1] = layer.calls.peepholes, run.n_a
        dP = PyArray_ZEROS(2, dims, w.context.typenum, 0)
        w.dP, w.peepholes, w.peephole_gates = <char*> data(dP), layer.calls.peepholes, layer.calls.peephole_gates
    if dP is None:
        return (dW_x, dW_a, db_x, db_a) if dW_hr is None else (dW_x, dW_a, db_x, db_a, dW_hr)
    return (dW_x, dW_a, db_x, db_a, dP) if dW_hr is None else (dW_x, dW_a, db_x, db_a, dW_hr, dP)


cdef void share_biases(Sublayer layer, const Backward* w, char* db_a) noexcept:
    """Two biases that are added have the same gradient: of gates with both halves."""
    cdef Py_ssize_t size = w.context.run.n_a * w.context.item, g
    for g in range(layer.calls.gates):
        if layer.calls.has_x[g] and layer.calls.has_a[g]:
            memcpy(db_a + layer.blocks[g] * size, w.out[g].db, size)


cdef object leave_states(Sublayer layer, SavedForward saved, const Backward* w, const IncomingGradients* incoming,
                         const RowOrder* rows, object d_initial):
    """Scatter the gradients of the initial states; of a sequence without a step they are those that came in."""
    cdef Py_ssize_t sizes[MAX_STATES]
    cdef char* out[MAX_STATES]
    cdef const char* row
    cdef Py_ssize_t item = w.context.item, i, j, k, size
    sizes[0], sizes[1] = saved.n_h, saved.n_a
    if d_initial is None:
        d_initial = new_states(layer, w.context, &saved.layout, sizes)
    point_to_states(layer, w.context, &saved.layout, d_initial, sizes, out)
    for i in range(layer.calls.states):
        size = sizes[i] * item
        for j in range(saved.m):
            k = sequence_of(rows, j)
            if length_of(rows, k) > 0:
                row = <const char*> w.back.d_initial + (i * saved.m + j) * size
                if i == 0 and w.back.dh_initial != NULL:
                    row = <const char*> w.back.dh_initial + j * size
                memcpy(out[i] + k * size, row, size)
            elif incoming.states[i] == NULL:
                memset(out[i] + k * size, 0, size)
            else:
                copy_row(out[i] + k * size, incoming.states[i] + k * incoming.state_stride_m[i],
                         incoming.state_stride_k[i], sizes[i], item)
    return d_initial


cdef cnp.ndarray leave_dx(SavedForward saved, const Backward* w, const RowOrder* rows, cnp.ndarray dx):
    """dx with the axes of x, from rows in the order of the run; of a ragged batch without gaps."""
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    cdef Py_ssize_t size = w.context.run.n_x * w.context.item, step = saved.m * size
    cdef cnp.ndarray out
    sizes_of(&saved.layout, saved.T, saved.m, w.context.run.n_x, dims)
    if rows.order == NULL:
        sizes_of(&saved.layout, -step if rows.reverse else step, size, w.context.item, strides)
        out = view(dx, (saved.T - 1) * step if rows.reverse and saved.T > 0 else 0, saved.layout.nd, dims, strides)
    else:
        out = PyArray_EMPTY(saved.layout.nd, dims, w.context.typenum, 0)
        scatter_rows(rows, data(dx), 0, size, <char*> data(out), step, size)
    return in_axes(out, &saved.layout)


cdef Py_ssize_t layer_workspace(Sublayer layer, SavedForward saved, const CallContext* context,
                                const RowOrder* rows) noexcept:
    """Elements for copies of da, x, the hidden states, and for the gradients of the initial states."""
    cdef const Run* run = &context.run
    cdef Py_ssize_t grid = run.T * run.m, elements = 16 * CACHE_LINE_BYTES + run.n_a + (3 * run.n_a + run.n_h) * run.m
    elements += grid * run.n_h                                                          # da, or dh
    if run.Whr != NULL:
        elements += grid * run.n_a                                                      # da
    if rows.order != NULL or saved.x_stride_t != saved.m * saved.x_stride_m:
        elements += grid * run.n_x
    if rows.order != NULL:
        elements += grid * (run.n_h + (run.n_a if run.Whr != NULL else 0))              # hidden states, compacted; a
    if rows.order != NULL and layer.peepholes is not None:
        elements += 2 * grid * run.n_a                                                  # cell states
    if saved.resets is not None:
        elements += grid + (2 * layer.calls.states * run.n_a + run.n_h) * run.m         # flags, workspace, first states
        if rows.order == NULL and layer.peepholes is not None:
            elements += grid * run.n_a                                                  # cell states
    return elements


cdef object backward_sublayer(Sublayer layer, SavedForward saved, object d_output, object d_state, object d_initial):
    """Sublayer.backward."""
    cdef CallContext context
    cdef Backward w
    cdef BackwardRun* back = &w.back
    cdef Run* run = &context.run
    cdef Workspace plan
    cdef IncomingGradients incoming
    cdef RowOrder rows = row_order(saved.lengths, saved.T, saved.m, saved.reverse)
    cdef TokenGradients tokens
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp size
    cdef cnp.ndarray workspace, dx
    cdef char* memory
    cdef char* db_a = NULL
    cdef tuple found
    cdef Environment environment
    cdef bint in_place
    if saved.sublayer is not layer:
        return None
    if type(d_state) is list:
        d_state = tuple(<list> d_state)              # holds the arrays whose memory is read below
    context.typenum = layer.panels.typenum
    take_typenum(layer.calls, &context)
    run.m, run.batch, run.T = saved.m, saved.m, saved.T
    run.n_x, run.n_a, run.n_h, run.n_y = layer.panels.n_x, saved.n_a, saved.n_h, 0
    run.Whr, run.weights, run.variant = layer.panels.Whr, layer.weights, layer.variant
    if not take_incoming(layer, saved, &context, d_output, d_state, &incoming):
        return None
    w.context, w.rows = &context, rows.total
    found = layer_gradients(layer, &w, saved.tokens, &db_a)
    if saved.tokens:                                                   # neither dx nor products with x
        take_token_gradients(&w, &tokens)
        run.n_x = 0
    dims[0], dims[1], dims[2] = 1, rows.total, run.n_x
    dx = PyArray_EMPTY(3, dims, context.typenum, 0)
    w.dx = <char*> data(dx)
    in_place = saved.T == 1 and rows.order == NULL and run.Whr == NULL and rows_are_contiguous(layer.calls, &context)
    in_place = in_place and saved.resets is None
    size = plan_workspace(layer.calls, &context, in_place, &plan) // context.item
    size += layer_workspace(layer, saved, &context, &rows)
    if run.Whr != NULL:
        size += context.table.packed_size(run.n_a, run.n_h, 1)
    workspace = PyArray_EMPTY(1, &size, context.typenum, 0)
    back.cell, back.n_a, back.n_h, back.m, back.T, back.batch = run.cell, run.n_a, run.n_h, run.m, run.T, run.m
    back.variant, back.batch_offset, back.batch_sizes = run.variant, 0, rows.batch_sizes
    memory = divide_workspace(layer.calls, &w, in_place, &plan, <char*> data(workspace))
    environment = enter_environment()                                  # a projection is packed, gradients are added
    memory = seed_initial(layer, &w, &incoming, &rows, memory)
    memory = take_da(layer, saved, &w, &incoming, &rows, memory)
    leave_environment(environment)
    memory = take_record(layer, saved, &w, &rows, memory)
    memory = take_resets(layer, saved, &w, &rows, memory)
    if rows.total > 0:
        if rows.order != NULL:
            memset(back.dz, 0, plan.dz)
        run_steps_back(layer.calls, &w)
        w.dz, w.inner, w.dh, w.a = back.dz, back.inner, back.dh, back.next
        w.c_prev = advance(back.initial, back.state_stride, context.item)
        w.c_next = advance(back.next, back.state_stride, context.item)
        if rows.order != NULL:
            compact(&w, &rows, memory)
        elif back.resets.flags != NULL and w.dP != NULL:
            compact_peephole_states(&w, &rows, memory)
        run_products(layer.calls, &w)
        if saved.tokens:
            tokens.x, tokens.x_stride_t, tokens.x_stride_m = saved.x_rows, saved.x_stride_t, saved.x_stride_m
            sum_tokens(&w, &tokens, &rows, layer.panels.n_x)
        share_biases(layer, &w, db_a)
    return (None if saved.tokens else leave_dx(saved, &w, &rows, dx),
            leave_states(layer, saved, &w, &incoming, &rows, d_initial), found)


cdef char* seed_initial(Sublayer layer, Backward* w, const IncomingGradients* incoming, const RowOrder* rows,
                        char* memory) except NULL:
    """Memory for the gradients of the initial states, which hold what comes in at the states but the hidden one; and of
    a projection its transposed, packed. Returns where memory goes on.
    """
    cdef BackwardRun* back = &w.back
    cdef const Run* run = &w.context.run
    cdef Py_ssize_t i, j, k, item = w.context.item, size = run.n_a * item, block = run.m * size
    back.d_initial = <real*> memory
    memset(memory, 0, (1 + layer.calls.skip_gradients) * block)
    for i in range(1, layer.calls.states):
        if incoming.states[i] != NULL:
            for j in range(run.m):
                k = sequence_of(rows, j)
                copy_row(memory + i * block + j * size, incoming.states[i] + k * incoming.state_stride_m[i],
                         incoming.state_stride_k[i], run.n_a, item)
    memory = next_line(memory, (1 + layer.calls.skip_gradients) * block)
    back.WhrT, back.dh, back.dh_initial = NULL, NULL, NULL
    if run.Whr != NULL:
        back.dh_initial = <real*> memory
        memory = next_line(memory, run.m * run.n_h * item)
        back.WhrT = <const real*> memory
        w.context.table.pack_transposed_gate(
            <const real*> layer.W_hr.memory, layer.W_hr.strides[0] // item, layer.W_hr.strides[1] // item, run.n_h,
            run.n_a, 0, 1, <real*> memory)
        memory = next_line(memory, w.context.table.packed_size(run.n_a, run.n_h, 1) * item)
    return memory
