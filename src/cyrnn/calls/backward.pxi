"""Backward pass of the notebook's functions: arrays in, a dict of gradients out."""

cdef inline cnp.ndarray gradient_of_weight(const CallContext* context, bint written, int nd,
                                           const cnp.npy_intp* dims):
    """A new array: zeros, unless a sum of outer products is written there."""
    return PyArray_EMPTY(nd, dims, context.typenum, 0) if written else PyArray_ZEROS(nd, dims, context.typenum, 0)


cdef int weight_gradients(CellCalls calls, const CallContext* context, GateGradients* out, dict found) except -1:
    """Allocate the gradients of all weights, and note where those of each gate go."""
    cdef Py_ssize_t rows = context.run.T * context.run.m, n = context.run.n_a, n_x = context.run.n_x
    cdef Py_ssize_t item = context.item, g
    cdef cnp.npy_intp dims[2]
    dims[0] = n
    for key, columns in calls.gradients:
        dims[1] = 1 if columns == "1" else n if columns == "n_a" else n_x if columns == "n_x" else n + n_x
        found[key] = gradient_of_weight(context, columns != "1" and rows > 0 and calls.all_written, 2, dims)
    for g in range(calls.gates):
        keys = <tuple> calls.gradient_keys[g]
        out[g].stage = calls.stage[g]
        out[g].dWa, out[g].dWx = <char*> data(found[keys[1]]), <char*> data(found[keys[0]])
        out[g].db = <char*> data(found[keys[2]])
        out[g].dWa_row_stride, out[g].dWx_row_stride = n * item, n_x * item
        if calls.stacked:
            out[g].dWx += n * item
            out[g].dWa_row_stride = out[g].dWx_row_stride = (n + n_x) * item
        if not calls.has_x[g]:
            out[g].dWx = NULL
        if not calls.has_a[g]:
            out[g].dWa = NULL
    return 0


cdef bint take_gradients(CellCalls calls, CallContext* context, object da, tuple caches, object dc,
                         bint one) except -1:
    """Take all arguments of a backward call; False where not all is as expected."""
    cdef Run* run = &context.run
    cdef PlainArray* incoming = &context.input
    if (not find_saved_parameters(calls, context, caches) or not take_dtype(calls, context, da)
            or not read_plain(<PyObject*> da, context.typenum, 2 if one else 3, incoming)):
        return False
    run.m = run.batch = incoming.shape[1]
    run.T = 1 if one else incoming.shape[2]
    if one:
        incoming.strides[2] = 0
    if run.T > len(caches) or (dc is not None if calls.states == 1 else one and dc is None):
        return False
    if not take_caches(calls, context, caches) or incoming.shape[0] != run.n_a:
        return False
    context.initial[1].memory = NULL
    if dc is not None and not read_matrix(<PyObject*> dc, context.typenum, run.n_a, run.m, &context.initial[1]):
        return False
    require_sizes(calls, context)
    return True


cdef char* take_da_and_x(CellCalls calls, Backward* w, char* memory) noexcept:
    """Find da and x in place, or copy them to memory; return where memory goes on."""
    cdef const CallContext* context = w.context
    cdef const Run* run = &context.run
    cdef const PlainArray* da = &context.input
    cdef BackwardRun* back = &w.back
    cdef Py_ssize_t n = run.n_a, m = run.m, item = context.item
    cdef Py_ssize_t stride_t = da.strides[2] // item, stride_m = da.strides[1] // item
    cdef int slot = slot_for(calls, INPUT, 0)
    if da.strides[0] == item or n == 1:
        back.da, back.da_stride_m, back.da_stride_t = <const real*> da.memory, stride_m, stride_t
    else:
        back.da, back.da_stride_m, back.da_stride_t = <const real*> memory, n, m * n
        context.table.transpose_steps(<const real*> da.memory, da.strides[0] // item, stride_m, stride_t, n, m, run.T,
                                      <real*> memory)
        memory += run.T * m * n * item
    w.x_row_stride = run.n_x
    if is_rows_of_steps(context, slot, 0, run.n_x, m * run.n_x * item):
        w.x = <const real*> entry(context, 0, slot).memory
    else:
        w.x = <const real*> memory
        gather_entry(context, slot, run.n_x, m * run.n_x * item, memory)
        memory += run.T * m * run.n_x * item
    return memory


cdef int gradient_results(CellCalls calls, CallContext* context, Backward* w, bint one, dict out) except -1:
    """Allocate the gradients, by their names; those of the initial states hold what comes in after the last step."""
    cdef const Run* run = &context.run
    cdef const PlainArray* dc = &context.initial[1]
    cdef Py_ssize_t n = run.n_a, m = run.m, item = context.item, i
    cdef cnp.ndarray d_initial, dx
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    dims[0], dims[1], dims[2] = 1 + calls.skip_gradients, m, n
    d_initial = PyArray_ZEROS(3, dims, context.typenum, 0)
    w.back.d_initial = <real*> data(d_initial)
    if dc.memory != NULL:
        copy_rows(context, dc.memory, dc.strides[0], dc.strides[1], n, <char*> data(d_initial) + m * n * item)
    dims[0], dims[1], dims[2] = run.T, m, run.n_x
    dx = PyArray_EMPTY(3, dims, context.typenum, 0)
    w.dx = <char*> data(dx)
    dims[0], dims[1], dims[2] = run.n_x, m, run.T
    strides[0], strides[1] = context.item, run.n_x * context.item
    strides[2] = m * run.n_x * context.item
    out["dxt" if one else "dx"] = view(dx, 0, 2 if one else 3, dims, strides)
    if run.n_a == 0:
        memset(w.dx, 0, run.T * m * run.n_x * context.item)
    context.unit_stride, context.column_stride = context.item, n * context.item
    keys = calls.previous_keys if one else calls.initial_keys
    for i in range(calls.states if one or dc.memory != NULL else 1):
        out[keys[i]] = state_at(context, d_initial, i * m * n)
    weight_gradients(calls, context, w.out, out)
    return 0


cdef dict gradients(CellCalls calls, object da, tuple caches, object dc, bint one):
    """The gradients of a sequence, or with `one` of a single step, by the notebook's names; or None."""
    cdef CallContext context
    cdef dict out = {}                                  # before any array is read: the collector may run here
    hide(out)
    begin(&context)
    try:
        if not take_gradients(calls, &context, da, caches, dc, one):
            return None
        go_back(calls, &context, one, out)
        if not PyObject_GC_IsTracked(<PyObject*> out):  # an item may have tracked it
            show(out)
        return out
    finally:
        release(&context)


cdef int go_back(CellCalls calls, CallContext* context, bint one, dict out) except -1:
    """Go back through the steps, and fill in the gradients."""
    cdef Backward w
    cdef BackwardRun* back = &w.back
    cdef const Run* run = &context.run
    cdef Workspace plan
    cdef Py_ssize_t rows = run.T * run.m
    cdef cnp.npy_intp size
    cdef cnp.ndarray workspace
    cdef char* memory
    cdef bint in_place
    w.context = context
    gradient_results(calls, context, &w, one, out)
    if rows * run.n_a == 0:
        return 0
    in_place = run.T == 1 and rows_are_contiguous(calls, context)
    size = plan_workspace(calls, context, in_place, &plan) // context.item
    # and copies of states, gates, da and x, where their layout is not the kernels'
    size += rows * ((2 * calls.states + calls.stored_gates + 1) * run.n_a + run.n_x) + calls.states * run.m * run.n_a
    size += 2 * CACHE_LINE_BYTES
    workspace = PyArray_EMPTY(1, &size, context.typenum, 0)             # large ones come on huge pages
    back.cell, back.n_a, back.n_h, back.m, back.T, back.batch = calls.number, run.n_a, run.n_h, run.m, run.T, run.m
    back.variant, back.batch_offset, back.batch_sizes = NULL, 0, NULL
    back.WhrT, back.dh, back.dh_initial = NULL, NULL, NULL
    back.resets.flags = w.resets = NULL
    memory = divide_workspace(calls, &w, in_place, &plan, <char*> data(workspace))
    memory = take_saved_states(calls, context, back, memory)
    memory = take_saved_gates(calls, context, back, memory)
    take_da_and_x(calls, &w, memory)
    w.rows, w.dz, w.inner, w.dWhr, w.dP = rows, back.dz, back.inner, NULL, NULL
    w.first_rows, w.first_hidden, w.hidden = run.m, back.initial, back.previous
    run_steps_back(calls, &w)
    run_products(calls, &w)
    return 0
