"""The way back in parts that threads may share, and the gradients as users see them."""

cdef struct Weights:
    # where the gradients of one gate's weights go; row strides in elements
    char* dWa
    char* dWx
    char* db
    Py_ssize_t a_row, x_row


cdef struct Way_back:
    Job* job
    Back back
    Weights to[MOST_GATES]
    const char* x            # (T, m, n_x)
    char* dx
    char* WxT


cdef int pack_turned_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Way_back* w = <const Way_back*> what
    cdef const Run* run = &w.job.run
    cdef const GateWeights* W
    cdef Py_ssize_t g
    for g in range(w.job.gates):
        W = run.weights + g
        w.job.table.pack_turned(W.Wa, W.Wa_row, W.Wa_col, run.n_a, run.n_a, g, w.job.gates, <real*> w.back.WaT)
        w.job.table.pack_turned(W.Wx, W.Wx_row, W.Wx_col, run.n_a, run.n_x, g, w.job.gates, <real*> w.WxT)
    return 0


cdef inline const real* on(const real* p, Py_ssize_t elements, const Job* job) noexcept nogil:
    return <const real*> (<const char*> p + elements * job.item)


cdef int columns_back_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """All steps of some columns."""
    cdef const Way_back* w = <const Way_back*> what
    cdef Back part = w.back
    cdef Py_ssize_t offset = first * part.n_a
    part.m = last - first
    part.da = on(part.da, first * part.da_m, w.job)
    part.initial, part.next = on(part.initial, offset, w.job), on(part.next, offset, w.job)
    if part.T > 1:
        part.previous = on(part.previous, offset, w.job)
    if part.gates != NULL:
        part.gates = on(part.gates, offset, w.job)
    part.dz = <real*> on(part.dz, offset * w.job.gates, w.job)
    part.start = <real*> on(part.start, offset, w.job)
    w.job.table.backward(&part)
    return 0


cdef int inputs_part(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """dx of some rows of (T, m)."""
    cdef const Way_back* w = <const Way_back*> what
    cdef Py_ssize_t K = w.job.gates * w.back.n_a, n_x = w.job.run.n_x
    w.job.table.multiply(on(w.back.dz, first * K, w.job), last - first, K, <const real*> w.WxT, n_x,
                         <real*> (w.dx + first * n_x * w.job.item))
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
        dWa = <real*> (to.dWa + first * to.a_row * job.item)
        failed |= job.table.add_outer(dz, K, w.back.initial, n, m, some, n, dWa, to.a_row)
        failed |= job.table.add_outer(on(dz, m * K, job), K, w.back.previous, n, rows - m, some, n, dWa, to.a_row)
        failed |= job.table.add_outer(dz, K, <const real*> w.x, n_x, rows, some, n_x,
                                      <real*> (to.dWx + first * to.x_row * job.item), to.x_row)
        job.table.add_rows(dz, K, rows, some, <real*> (to.db + first * job.item), 1)
    return failed


cdef dict gradients(Fast fast, object da, tuple held, object dc, bint one):
    """The gradients of a sequence, or with `one` of a single step, by the notebook's names; or None."""
    cdef Job job
    cdef Way_back w
    cdef Back* back = &w.back
    cdef Run* run = &job.run
    cdef Weights* to
    cdef Py_ssize_t n, m, T, size, rows, i, g, item, K
    cdef cnp.npy_intp elements
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    cdef cnp.ndarray grown, start, dx, dW, work_area
    cdef char* rest
    cdef int place
    cdef dict out
    if not take_dtype(fast, &job, da, 2 if one else 3):
        return None
    grown = da
    run.m = cnp.PyArray_DIM(grown, 1)
    run.T = T = 1 if one else cnp.PyArray_DIM(grown, 2)
    if run.m == 0 or T == 0 or T > len(held):
        return None
    owned = take_caches(fast, &job, held)
    if owned is None or not sizes_fit(fast, &job):
        return None
    n, m, rows, item = run.n_a, run.m, T * run.m, job.item
    if cnp.PyArray_DIM(grown, 0) != n or (one and dc is None and fast.states > 1):
        return None
    if dc is not None and not is_matrix(dc, &job, n, m):
        return None
    size = m * n * item
    elements = (rows * ((2 * fast.states + fast.kept + 1 + fast.gates) * n + run.n_x) + fast.states * m * n
                + job.table.packed_size(n, fast.gates * n, 1) + job.table.packed_size(run.n_x, fast.gates * n, 1))
    elements += 16 * SPARE
    work_area = PyArray_EMPTY(1, &elements, job.typenum, 0)        # large ones come on huge pages
    rest = <char*> cnp.PyArray_DATA(work_area)
    rest = past(rest - <size_t> rest % SPARE, 1)
    back.cell, back.n_a, back.m, back.T, back.columns = fast.number, n, m, T, m
    rest = take_gates_back(fast, &job, back, held, take_states_back(fast, &job, back, held, rest))
    if cnp.PyArray_STRIDE(grown, 0) == item or n == 1:
        back.da = <const real*> data(grown)
        back.da_m = cnp.PyArray_STRIDE(grown, 1) // item
        back.da_t = 0 if one else cnp.PyArray_STRIDE(grown, 2) // item
    else:
        back.da = <const real*> rest
        back.da_m, back.da_t = n, m * n
        job.table.turn(<const real*> data(grown), cnp.PyArray_STRIDE(grown, 0) // item,
                       cnp.PyArray_STRIDE(grown, 1) // item, 0 if one else cnp.PyArray_STRIDE(grown, 2) // item,
                       n, m, T, <real*> rest)
        rest += T * size
    place = find(fast, INPUT, 0)
    if lies(&job, held, place, 0, run.n_x, m * run.n_x * item):
        w.x = data(entry(held, 0, place))
    else:
        w.x = gather(&job, held, place, run.n_x, m * run.n_x * item, rest)
        rest += rows * run.n_x * item
    dims[0], dims[1], dims[2] = fast.states, m, n
    start = PyArray_ZEROS(3, dims, job.typenum, 0)
    back.start = <real*> cnp.PyArray_DATA(start)
    if dc is not None:
        copy_rows(&job, dc, n, <char*> back.start + size)
    dims[0], dims[1], dims[2] = T, m, run.n_x
    dx = PyArray_EMPTY(3, dims, job.typenum, 0)
    out = {}
    dims[0], dims[1], dims[2] = run.n_x, m, T
    strides[0], strides[1], strides[2] = item, run.n_x * item, m * run.n_x * item
    out["dxt" if one else "dx"] = view(dx, 0, 2 if one else 3, dims, strides)
    job.unit, job.column = item, n * item
    names = fast.ends if one else fast.starts
    for i in range(fast.states if one or dc is not None else 1):
        out[names[i]] = state_at(fast, &job, start, i * m * n)
    for g in range(fast.gates):
        keys = <tuple> fast.gradient_keys[g]
        dims[0], dims[1] = n, run.n_x + n if fast.stacked else run.n_x
        out[keys[0]] = dW = PyArray_ZEROS(2, dims, job.typenum, 0)
        to = &w.to[g]
        to.dWa = to.dWx = <char*> cnp.PyArray_DATA(dW)
        to.a_row = to.x_row = dims[1]
        if fast.stacked:
            to.dWx += n * item
        else:
            dims[1] = n
            out[keys[1]] = dW = PyArray_ZEROS(2, dims, job.typenum, 0)
            to.dWa, to.a_row = <char*> cnp.PyArray_DATA(dW), n
        dims[1] = 1
        out[keys[2]] = dW = PyArray_ZEROS(2, dims, job.typenum, 0)
        to.db = <char*> cnp.PyArray_DATA(dW)
    # while others may run, what the job points to must not go: the caches are held, and the parameters by `owned`
    K = fast.gates * n
    rest = past(rest, 1)
    back.dz = <real*> rest
    rest = past(rest, rows * K * item)
    back.WaT = <const real*> rest
    w.job, w.dx, w.WxT = &job, <char*> cnp.PyArray_DATA(dx), past(rest, job.table.packed_size(n, K, 1) * item)
    in_parts(pack_turned_part, &w, 1, <double> K * (n + run.n_x))
    in_parts(columns_back_part, &w, m, <double> rows * K * n)
    in_parts(inputs_part, &w, rows, <double> rows * K * run.n_x)
    in_parts(units_part, &w, n, work_of(&job))
    return out
