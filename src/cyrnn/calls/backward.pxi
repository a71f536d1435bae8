"""Backward pass of the notebook's functions: arrays in, a dict of gradients out."""

cdef dict weight_gradients(CellCalls calls, const CallContext* context, GateGradients* out):
    """Allocate the gradients of all weights, zeros, and note where those of each gate go."""
    cdef Py_ssize_t g, n = context.run.n_a, n_x = context.run.n_x, item = context.item
    cdef cnp.npy_intp dims[2]
    cdef dict found = {}
    dims[0] = n
    for key, columns in calls.gradients:
        dims[1] = 1 if columns == "1" else n if columns == "n_a" else n_x if columns == "n_x" else n + n_x
        found[key] = PyArray_ZEROS(2, dims, context.typenum, 0)
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
    return found


cdef object take_gradients(CellCalls calls, CallContext* context, object da, tuple caches, object dc, bint one):
    """Take all arguments of a backward call; return what owns the parameters, or None where not all is as expected."""
    cdef Run* run = &context.run
    cdef cnp.ndarray incoming
    if not take_dtype(calls, context, da) or cnp.PyArray_NDIM(<cnp.ndarray> da) != (2 if one else 3):
        return None
    incoming = da
    run.m = run.batch = cnp.PyArray_DIM(incoming, 1)
    run.T = 1 if one else cnp.PyArray_DIM(incoming, 2)
    if run.T > len(caches) or len(caches) == 0:
        return None
    owned = take_caches(calls, context, caches)
    if owned is None or cnp.PyArray_DIM(incoming, 0) != run.n_a or (one and dc is None and calls.states > 1):
        return None
    if dc is not None and not is_matrix(dc, context, run.n_a, run.m):
        return None
    require_sizes(calls, context)
    return owned


cdef char* take_da_and_x(CellCalls calls, Backward* w, tuple caches, cnp.ndarray da, bint one, char* memory):
    """Find da and x in place, or copy them to memory; return where memory goes on."""
    cdef const CallContext* context = w.context
    cdef const Run* run = &context.run
    cdef BackwardRun* back = &w.back
    cdef Py_ssize_t n = run.n_a, m = run.m, item = context.item
    cdef Py_ssize_t stride_t = 0 if one else cnp.PyArray_STRIDE(da, 2) // item
    cdef Py_ssize_t stride_m = cnp.PyArray_STRIDE(da, 1) // item
    cdef int slot = slot_for(calls, INPUT, 0)
    if cnp.PyArray_STRIDE(da, 0) == item or n == 1:
        back.da, back.da_stride_m, back.da_stride_t = <const real*> data(da), stride_m, stride_t
    else:
        back.da, back.da_stride_m, back.da_stride_t = <const real*> memory, n, m * n
        context.table.transpose_steps(<const real*> data(da), cnp.PyArray_STRIDE(da, 0) // item, stride_m, stride_t, n,
                                      m, run.T, <real*> memory)
        memory += run.T * m * n * item
    w.x_row_stride = run.n_x
    if is_rows_of_steps(context, caches, slot, 0, run.n_x, m * run.n_x * item):
        w.x = <const real*> data(entry(caches, 0, slot))
    else:
        w.x = <const real*> memory
        gather_entry(context, caches, slot, run.n_x, m * run.n_x * item, memory)
        memory += run.T * m * run.n_x * item
    return memory


cdef dict gradient_results(CellCalls calls, CallContext* context, Backward* w, object dc, bint one):
    """Allocate the gradients, by their names; those of the initial states hold what comes in after the last step."""
    cdef const Run* run = &context.run
    cdef Py_ssize_t n = run.n_a, m = run.m, i
    cdef cnp.ndarray d_initial, dx
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    cdef dict out = {}
    dims[0], dims[1], dims[2] = 1 + calls.skip_gradients, m, n
    d_initial = PyArray_ZEROS(3, dims, context.typenum, 0)
    w.back.d_initial = <real*> data(d_initial)
    if dc is not None:
        copy_rows(context, dc, n, <char*> data(d_initial) + m * n * context.item)
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
    for i in range(calls.states if one or dc is not None else 1):
        out[keys[i]] = state_at(context, d_initial, i * m * n)
    out |= weight_gradients(calls, context, w.out)
    return out


cdef dict gradients(CellCalls calls, object da, tuple caches, object dc, bint one):
    """The gradients of a sequence, or with `one` of a single step, by the notebook's names; or None."""
    cdef CallContext context
    cdef Backward w
    cdef BackwardRun* back = &w.back
    cdef Run* run = &context.run
    cdef Workspace plan
    cdef Py_ssize_t rows
    cdef cnp.npy_intp size
    cdef cnp.ndarray workspace
    cdef char* memory
    cdef dict out
    # while others may run, the context's arrays must not go: the caches are held, and the parameters by `owned`
    owned = take_gradients(calls, &context, da, caches, dc, one)
    if owned is None:
        return None
    rows = run.T * run.m
    w.context = &context
    out = gradient_results(calls, &context, &w, dc, one)
    if rows * run.n_a == 0:
        return out
    size = plan_workspace(calls, &context, &plan) // context.item
    # and copies of states, gates, da and x, where their layout is not the kernels'
    size += rows * ((2 * calls.states + calls.stored_gates + 1) * run.n_a + run.n_x) + calls.states * run.m * run.n_a
    size += 2 * CACHE_LINE_BYTES
    workspace = PyArray_EMPTY(1, &size, context.typenum, 0)             # large ones come on huge pages
    back.cell, back.n_a, back.n_h, back.m, back.T, back.batch = calls.number, run.n_a, run.n_h, run.m, run.T, run.m
    back.batch_offset, back.batch_sizes = 0, NULL
    back.WhrT, back.dh, back.dh_initial = NULL, NULL, NULL
    memory = divide_workspace(calls, &w, &plan, <char*> data(workspace))
    memory = take_saved_states(calls, &context, back, caches, memory)
    memory = take_saved_gates(calls, &context, back, caches, memory)
    take_da_and_x(calls, &w, caches, da, one, memory)
    w.rows, w.dz, w.inner, w.dWhr = rows, back.dz, back.inner, NULL
    w.first_rows, w.first_hidden, w.hidden = run.m, back.initial, back.previous
    run_steps_back(calls, &w)
    run_products(calls, &w)
    return out
