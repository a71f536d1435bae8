"""Taking the arguments of a call: each function says whether all is as expected, and fills in the job."""

cdef inline bint is_matrix(object a, const Job* job, Py_ssize_t rows, Py_ssize_t cols):
    """Whether a is a plain aligned array of the call's dtype and of that shape."""
    return (PyArray_CheckExact(a) and cnp.PyArray_NDIM(<cnp.ndarray> a) == 2
            and cnp.PyArray_TYPE(<cnp.ndarray> a) == job.typenum and PyArray_ISBEHAVED_RO(<cnp.ndarray> a)
            and cnp.PyArray_DIM(<cnp.ndarray> a, 0) == rows and cnp.PyArray_DIM(<cnp.ndarray> a, 1) == cols)


cdef inline bint is_block(object a, const Job* job, const cnp.npy_intp* dims):
    """Whether a is a plain C-contiguous array of the call's dtype and those three sizes."""
    return (PyArray_CheckExact(a) and cnp.PyArray_NDIM(<cnp.ndarray> a) == 3
            and cnp.PyArray_TYPE(<cnp.ndarray> a) == job.typenum and PyArray_ISBEHAVED_RO(<cnp.ndarray> a)
            and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray> a) and cnp.PyArray_DIM(<cnp.ndarray> a, 0) == dims[0]
            and cnp.PyArray_DIM(<cnp.ndarray> a, 1) == dims[1] and cnp.PyArray_DIM(<cnp.ndarray> a, 2) == dims[2])


cdef bint take_dtype(Fast fast, Job* job, object given, int nd) except -1:
    """Whether the input is a plain aligned array of nd dimensions; its dtype is the call's."""
    cdef cnp.ndarray x
    job.held_count = 0                                                  # this comes first in every call
    if not PyArray_CheckExact(given):
        return False
    x = given
    job.typenum = cnp.PyArray_TYPE(x)
    if job.typenum == cnp.NPY_DOUBLE:
        job.table, job.item = fast.f64, 8
    elif job.typenum == cnp.NPY_FLOAT:
        job.table, job.item = fast.f32, 4
    else:
        return False
    job.run.cell = fast.number
    job.run.batch_offset = 0
    job.run.batch_sizes = NULL
    job.run.Whr = NULL
    job.gates, job.kept = fast.gates, fast.kept
    job.run.x = <const real*> cnp.PyArray_DATA(x)
    return cnp.PyArray_NDIM(x) == nd and PyArray_ISBEHAVED_RO(x)


cdef bint take_input(Fast fast, Job* job, object given, int nd) except -1:
    """Take xt (n_x, m), or x (n_x, m, T)."""
    cdef cnp.ndarray x
    cdef Run* run = &job.run
    if not take_dtype(fast, job, given, nd):
        return False
    x = given
    run.n_x = cnp.PyArray_DIM(x, 0)
    run.m = cnp.PyArray_DIM(x, 1)
    run.T = cnp.PyArray_DIM(x, 2) if nd == 3 else 1
    run.x_stride_k = cnp.PyArray_STRIDE(x, 0) // job.item
    run.x_stride_m = cnp.PyArray_STRIDE(x, 1) // job.item
    run.x_stride_t = cnp.PyArray_STRIDE(x, 2) // job.item if nd == 3 else 0
    return run.m > 0 and run.T > 0


cdef inline PyObject* find_array(Job* job, object parameters, object key) except? NULL:
    """What stands in the dict under that key, held until `release`; NULL where nothing does.

    The caller alone cannot hold it: while another is looked up the __eq__ of a strange key may replace it, and while
    the GIL is released another thread.
    """
    cdef PyObject* found = PyDict_GetItemWithError(parameters, key)
    if found != NULL:
        hold(found)
        job.held[job.held_count] = found
        job.held_count += 1
    return found


cdef inline void release(Job* job):
    while job.held_count > 0:
        job.held_count -= 1
        let_go(job.held[job.held_count])


cdef bint take_parameters(Fast fast, Job* job, object parameters) except -1:
    cdef Run* run = &job.run
    cdef GateWeights* gate
    cdef Py_ssize_t g, n_a, n_x = run.n_x
    cdef PyObject* W_x
    cdef PyObject* W_a
    cdef PyObject* b
    cdef tuple keys
    job.packed = type(parameters) is fast.packed
    if job.packed:
        return take_panels(fast, job, parameters.panels) and run.n_y > 0
    if not PyDict_CheckExact(parameters):
        return False
    n_a = -1
    for g in range(fast.gates):
        keys = <tuple> fast.keys[g]
        gate = &job.weights[g]
        W_x = find_array(job, parameters, keys[0])
        W_a = find_array(job, parameters, keys[1])
        b = find_array(job, parameters, keys[2])
        if W_x == NULL or W_a == NULL or b == NULL or not PyArray_CheckExact(<object> W_x):
            return False
        if n_a < 0:
            if cnp.PyArray_NDIM(<cnp.ndarray> W_x) != 2:
                return False
            n_a = cnp.PyArray_DIM(<cnp.ndarray> W_x, 0)
        if fast.stacked:                                               # one matrix for [a_prev, xt]
            if not is_matrix(<object> W_x, job, n_a, n_a + n_x):
                return False
        elif not is_matrix(<object> W_x, job, n_a, n_x) or not is_matrix(<object> W_a, job, n_a, n_a):
            return False
        if not is_matrix(<object> b, job, n_a, 1):
            return False
        gate.Wa = <const real*> cnp.PyArray_DATA(<cnp.ndarray> W_a)
        gate.Wa_row_stride = cnp.PyArray_STRIDE(<cnp.ndarray> W_a, 0) // job.item
        gate.Wa_col_stride = cnp.PyArray_STRIDE(<cnp.ndarray> W_a, 1) // job.item
        gate.Wx = <const real*> cnp.PyArray_DATA(<cnp.ndarray> W_x)
        gate.Wx_row_stride = cnp.PyArray_STRIDE(<cnp.ndarray> W_x, 0) // job.item
        gate.Wx_col_stride = cnp.PyArray_STRIDE(<cnp.ndarray> W_x, 1) // job.item
        if fast.stacked:
            gate.Wx = <const real*> (<const char*> gate.Wx + n_a * gate.Wx_col_stride * job.item)
        gate.b = <const real*> cnp.PyArray_DATA(<cnp.ndarray> b)
        gate.b_stride = cnp.PyArray_STRIDE(<cnp.ndarray> b, 0) // job.item
    run.weights = job.weights
    run.n_a = run.n_h = n_a
    W_a = find_array(job, parameters, fast.W_y)
    b = find_array(job, parameters, fast.b_y)
    if W_a == NULL or b == NULL or not PyArray_CheckExact(<object> W_a):
        return False
    if cnp.PyArray_NDIM(<cnp.ndarray> W_a) != 2:
        return False
    run.n_y = cnp.PyArray_DIM(<cnp.ndarray> W_a, 0)
    if not is_matrix(<object> W_a, job, run.n_y, n_a) or not is_matrix(<object> b, job, run.n_y, 1):
        return False
    run.head.Wa = <const real*> cnp.PyArray_DATA(<cnp.ndarray> W_a)
    run.head.Wa_row_stride = cnp.PyArray_STRIDE(<cnp.ndarray> W_a, 0) // job.item
    run.head.Wa_col_stride = cnp.PyArray_STRIDE(<cnp.ndarray> W_a, 1) // job.item
    run.head.b = <const real*> cnp.PyArray_DATA(<cnp.ndarray> b)
    run.head.b_stride = cnp.PyArray_STRIDE(<cnp.ndarray> b, 0) // job.item
    return n_a > 0 and run.n_y > 0


cdef bint take_panels(Fast fast, Job* job, object panels) except -1:
    cdef Run* run = &job.run
    cdef cnp.ndarray Wx = panels.Wx, Wa = panels.Wa, b = panels.b, Wy = panels.Wy, by = panels.by
    if panels.cell is not fast.cell or cnp.PyArray_TYPE(Wx) != job.typenum or panels.n_x != run.n_x:
        return False
    run.n_a, run.n_y = panels.n_a, panels.n_y
    run.n_h = run.n_a
    run.Wx = <const real*> cnp.PyArray_DATA(Wx)
    run.Wa = <const real*> cnp.PyArray_DATA(Wa)
    run.b = <const real*> cnp.PyArray_DATA(b)
    job.Wy = <const char*> cnp.PyArray_DATA(Wy)
    job.by = <const char*> cnp.PyArray_DATA(by)
    return run.n_a > 0


cdef bint take_rows(Fast fast, Job* job, object panels, object given, int nd) except -1:
    """Take panels and x as kernels have it: (T, m, n_x), or (m, n_x) of a single step."""
    cdef Run* run = &job.run
    cdef cnp.ndarray x
    if not take_dtype(fast, job, given, nd):
        return False
    x = given
    run.T = cnp.PyArray_DIM(x, 0) if nd == 3 else 1
    run.x_stride_t = cnp.PyArray_STRIDE(x, 0) // job.item if nd == 3 else 0
    run.m, run.n_x = cnp.PyArray_DIM(x, nd - 2), cnp.PyArray_DIM(x, nd - 1)
    run.x_stride_m = cnp.PyArray_STRIDE(x, nd - 2) // job.item
    run.x_stride_k = cnp.PyArray_STRIDE(x, nd - 1) // job.item
    job.packed = True
    return run.m > 0 and run.T > 0 and take_panels(fast, job, panels)


cdef bint take_states(Fast fast, Job* job, tuple initial, bint optional) except -1:
    cdef Py_ssize_t i
    for i in range(fast.states):
        if initial[i] is None and i > 0 and optional:
            continue
        if not is_matrix(initial[i], job, job.run.n_a, job.run.m):
            return False
    return True
