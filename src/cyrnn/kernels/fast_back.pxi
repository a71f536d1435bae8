"""The way back in parts that threads may share, and the gradients as users see them."""

cdef struct Weights:
    # where the gradients of one gate's weights go, NULL for a half that it has not; row strides in elements
    char* dWa
    char* dWx
    char* db
    Py_ssize_t a_row, x_row
    int stage


cdef struct Way_back:
    Job* job
    BackwardRun back
    Weights to[MAX_GATES]
    const char* x            # (T, m, n_x)
    char* dx
    char* WxT
    Py_ssize_t skipped       # elements of a row of dz before those of gates with an input half
    char* panels             # for the z that no cache keeps: W_a and b of the first gate, packed
    char* b


cdef int pack_turned_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Way_back* w = <const Way_back*> what
    cdef const Run* run = &w.job.run
    cdef const GateWeights* W = run.weights
    w.job.table.pack_transposed_weights(run.cell, run.n_x, run.n_h, run.n_a, W, <real*> w.WxT, <real*> w.back.WaT)
    if w.panels != NULL:
        w.job.table.pack_gate(W.Wa, W.Wa_row_stride, W.Wa_col_stride, run.n_a, run.n_a, 0, 1, <real*> w.panels)
        w.job.table.pack_gate(W.b, W.b_stride, 1, run.n_a, 1, 0, 1, <real*> w.b)
    return 0


cdef int inner_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """z = W_a a_prev + b of the gate that no cache keeps, for some rows of (T, m)."""
    cdef const Way_back* w = <const Way_back*> what
    cdef Py_ssize_t n = w.back.n_a, m = w.back.m, middle = min(max(first, m), last)
    if first < middle:
        w.job.table.multiply(on(w.back.initial, first * n, w.job), n, middle - first, n, <const real*> w.panels,
                             <const real*> w.b, n, <real*> on(w.back.inner, first * n, w.job))
    if middle < last:
        w.job.table.multiply(on(w.back.previous, (middle - m) * n, w.job), n, last - middle, n,
                             <const real*> w.panels, <const real*> w.b, n, <real*> on(w.back.inner, middle * n, w.job))
    return 0


cdef inline const real* on(const real* p, Py_ssize_t elements, const Job* job) noexcept nogil:
    return <const real*> (<const char*> p + elements * job.item)


cdef int columns_back_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """All steps of some columns."""
    cdef const Way_back* w = <const Way_back*> what
    cdef BackwardRun part = w.back
    cdef Py_ssize_t offset = first * part.n_a
    part.m = last - first
    part.da = on(part.da, first * part.da_stride_m, w.job)
    part.initial, part.next = on(part.initial, offset, w.job), on(part.next, offset, w.job)
    if part.T > 1:
        part.previous = on(part.previous, offset, w.job)
    if part.gates != NULL:
        part.gates = on(part.gates, offset, w.job)
    if part.inner != NULL:
        part.inner = <real*> on(part.inner, offset, w.job)
    part.dz = <real*> on(part.dz, offset * w.job.gates, w.job)
    part.d_initial = <real*> on(part.d_initial, offset, w.job)
    w.job.table.backward(&part)
    return 0


cdef int inputs_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """dx of some rows of (T, m)."""
    cdef const Way_back* w = <const Way_back*> what
    cdef Py_ssize_t dz_row = w.job.gates * w.back.n_a, n_x = w.job.run.n_x
    w.job.table.multiply(on(w.back.dz, first * dz_row + w.skipped, w.job), dz_row, last - first, dz_row - w.skipped,
                         <const real*> w.WxT, NULL, n_x, <real*> (w.dx + first * n_x * w.job.item))
    return 0


cdef int units_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The gradients of some units' weights, in every gate."""
    cdef const Way_back* w = <const Way_back*> what
    cdef const Job* job = w.job
    cdef const Weights* to
    cdef Py_ssize_t g, n = job.run.n_a, n_x = job.run.n_x, m = job.run.m, rows = job.run.T * m, K = job.gates * n
    cdef Py_ssize_t some = last - first
    cdef const real* dz
    cdef real* dWa
    cdef int failed = 0
    for g in range(job.gates):
        to = &w.to[g]
        dz = on(w.back.dz, g * n + first, job)
        if to.dWa != NULL:
            dWa = <real*> (to.dWa + first * to.a_row * job.item)
            if to.stage > 0:
                failed |= job.table.add_outer(dz, K, w.back.inner, n, rows, some, n, dWa, to.a_row)
            else:
                failed |= job.table.add_outer(dz, K, w.back.initial, n, m, some, n, dWa, to.a_row)
                failed |= job.table.add_outer(on(dz, m * K, job), K, w.back.previous, n, rows - m, some, n, dWa,
                                              to.a_row)
        if to.dWx != NULL:
            failed |= job.table.add_outer(dz, K, <const real*> w.x, n_x, rows, some, n_x,
                                          <real*> (to.dWx + first * to.x_row * job.item), to.x_row)
        job.table.add_rows(dz, K, rows, some, <real*> (to.db + first * job.item), 1)
    return failed


cdef dict weight_gradients(Fast fast, const Job* job, Weights* to):
    """Allocate the gradients of all weights, zeros, and note where those of each gate go."""
    cdef Py_ssize_t g, n = job.run.n_a, n_x = job.run.n_x
    cdef cnp.npy_intp dims[2]
    cdef dict out = {}
    dims[0] = n
    for key, columns in fast.gradients:
        dims[1] = 1 if columns == "1" else n if columns == "n_a" else n_x if columns == "n_x" else n + n_x
        out[key] = PyArray_ZEROS(2, dims, job.typenum, 0)
    for g in range(fast.gates):
        keys = <tuple> fast.gradient_keys[g]
        to[g].stage = fast.stage[g]
        to[g].dWa, to[g].dWx = <char*> data(out[keys[1]]), <char*> data(out[keys[0]])
        to[g].db = <char*> data(out[keys[2]])
        to[g].a_row, to[g].x_row = n, n_x
        if fast.stacked:
            to[g].dWx += n * job.item
            to[g].a_row = to[g].x_row = n + n_x
        if not fast.has_x[g]:
            to[g].dWx = NULL
        if not fast.has_a[g]:
            to[g].dWa = NULL
    return out


cdef object take_way_back(Fast fast, Job* job, object da, tuple held, object dc, bint one):
    """Take what a backward call is given; return what owns the parameters, or None where not all is as expected."""
    cdef Run* run = &job.run
    cdef cnp.ndarray grown
    if not take_dtype(fast, job, da, 2 if one else 3):
        return None
    grown = da
    run.m = cnp.PyArray_DIM(grown, 1)
    run.T = 1 if one else cnp.PyArray_DIM(grown, 2)
    if run.m == 0 or run.T == 0 or run.T > len(held):
        return None
    owned = take_caches(fast, job, held)
    if owned is None or not sizes_fit(fast, job):
        return None
    if cnp.PyArray_DIM(grown, 0) != run.n_a or (one and dc is None and fast.states > 1):
        return None
    if dc is not None and not is_matrix(dc, job, run.n_a, run.m):
        return None
    return owned


cdef cnp.ndarray room_back(Fast fast, const Job* job, const Py_ssize_t* sizes):
    """The work area: copies of all that may lie otherwise, dz, and the packed weights of `sizes`."""
    cdef const Run* run = &job.run
    cdef Py_ssize_t n = run.n_a, m = run.m, rows = run.T * m
    cdef cnp.npy_intp elements = rows * ((2 * fast.states + fast.kept + 1 + fast.gates) * n + run.n_x)
    elements += fast.states * m * n + sizes[3] + sizes[4] + 16 * SPARE
    if fast.again or fast.stages > 1:
        elements += rows * n
    if fast.again:
        elements += job.table.packed_size(n, n + 1, 1)
    return PyArray_EMPTY(1, &elements, job.typenum, 0)             # large ones come on huge pages


cdef char* take_arrays_back(Fast fast, const Job* job, Way_back* w, tuple held, cnp.ndarray da, bint one, char* rest):
    """Find states, gates, da and x where they lie, or copy them to `rest`; return where that goes on."""
    cdef const Run* run = &job.run
    cdef BackwardRun* back = &w.back
    cdef Py_ssize_t n = run.n_a, m = run.m, item = job.item
    cdef Py_ssize_t da_t = 0 if one else cnp.PyArray_STRIDE(da, 2) // item, da_m = cnp.PyArray_STRIDE(da, 1) // item
    cdef int place = find(fast, INPUT, 0)
    rest = take_gates_back(fast, job, back, held, take_states_back(fast, job, back, held, rest))
    if cnp.PyArray_STRIDE(da, 0) == item or n == 1:
        back.da, back.da_stride_m, back.da_stride_t = <const real*> data(da), da_m, da_t
    else:
        back.da, back.da_stride_m, back.da_stride_t = <const real*> rest, n, m * n
        job.table.transpose_steps(<const real*> data(da), cnp.PyArray_STRIDE(da, 0) // item, da_m, da_t, n, m, run.T,
                       <real*> rest)
        rest += run.T * m * n * item
    if lies(job, held, place, 0, run.n_x, m * run.n_x * item):
        w.x = data(entry(held, 0, place))
    else:
        w.x = gather(job, held, place, run.n_x, m * run.n_x * item, rest)
        rest += run.T * m * run.n_x * item
    return rest


cdef dict results_back(Fast fast, Job* job, Way_back* w, object dc, bint one):
    """Allocate the gradients, by their names; those of the first states hold what arrives after the last step."""
    cdef const Run* run = &job.run
    cdef Py_ssize_t n = run.n_a, m = run.m, i
    cdef cnp.ndarray start, dx
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    cdef dict out = {}
    dims[0], dims[1], dims[2] = 1 + fast.carried, m, n
    start = PyArray_ZEROS(3, dims, job.typenum, 0)
    w.back.d_initial = <real*> cnp.PyArray_DATA(start)
    if dc is not None:
        copy_rows(job, dc, n, <char*> w.back.d_initial + m * n * job.item)
    dims[0], dims[1], dims[2] = run.T, m, run.n_x
    dx = PyArray_EMPTY(3, dims, job.typenum, 0)
    w.dx = <char*> cnp.PyArray_DATA(dx)
    dims[0], dims[1], dims[2] = run.n_x, m, run.T
    strides[0], strides[1], strides[2] = job.item, run.n_x * job.item, m * run.n_x * job.item
    out["dxt" if one else "dx"] = view(dx, 0, 2 if one else 3, dims, strides)
    job.unit, job.column = job.item, n * job.item
    names = fast.ends if one else fast.starts
    for i in range(fast.states if one or dc is not None else 1):
        out[names[i]] = state_at(fast, job, start, i * m * n)
    out |= weight_gradients(fast, job, w.to)
    return out


cdef void lay_work(Fast fast, const Job* job, Way_back* w, const Py_ssize_t* sizes, char* rest):
    """Places in the work area for dz, the packed weights and what a first stage hands on."""
    cdef const Run* run = &job.run
    cdef Py_ssize_t n = run.n_a, item = job.item, rows = run.T * run.m
    w.skipped, w.panels, w.back.inner = fast.again * n, NULL, NULL
    rest = past(rest, 1)
    w.back.dz = <real*> rest
    rest = past(rest, rows * fast.gates * n * item)
    w.back.WaT = <const real*> rest
    rest = past(rest, sizes[4] * item)
    w.WxT = rest
    rest = past(rest, sizes[3] * item)
    if fast.again or fast.stages > 1:
        w.back.inner = <real*> rest
        rest = past(rest, rows * n * item)
    if fast.again:
        w.panels = rest
        w.b = past(rest, job.table.packed_size(n, n, 1) * item)


cdef dict gradients(Fast fast, object da, tuple held, object dc, bint one):
    """The gradients of a sequence, or with `one` of a single step, by the notebook's names; or None."""
    cdef Job job
    cdef Way_back w
    cdef BackwardRun* back = &w.back
    cdef Run* run = &job.run
    cdef Py_ssize_t rows, K
    cdef Py_ssize_t sizes[5]
    cdef cnp.ndarray work_area
    cdef char* rest
    cdef dict out
    # while others may run, what the job points to must not go: the caches are held, and the parameters by `owned`
    owned = take_way_back(fast, &job, da, held, dc, one)
    if owned is None:
        return None
    job.table.weight_sizes(run.cell, run.n_x, run.n_h, run.n_a, sizes)
    work_area = room_back(fast, &job, sizes)
    rest = <char*> cnp.PyArray_DATA(work_area)
    rest = past(rest - <size_t> rest % SPARE, 1)
    w.job = &job
    back.cell, back.n_a, back.m, back.T, back.batch = fast.number, run.n_a, run.m, run.T, run.m
    back.batch_offset, back.batch_sizes, back.n_h, back.WhrT = 0, NULL, run.n_a, NULL
    rest = take_arrays_back(fast, &job, &w, held, da, one, rest)
    lay_work(fast, &job, &w, sizes, rest)
    out = results_back(fast, &job, &w, dc, one)
    rows, K = run.T * run.m, fast.gates * run.n_a
    in_parts(pack_turned_part, &w, 1, <double> K * (run.n_a + run.n_x))
    if fast.again:
        in_parts(inner_part, &w, rows, <double> rows * run.n_a * run.n_a)
    in_parts(columns_back_part, &w, run.m, <double> rows * K * run.n_a)
    in_parts(inputs_part, &w, rows, <double> rows * K * run.n_x)
    in_parts(units_part, &w, run.n_a, work_of(&job))
    return out
