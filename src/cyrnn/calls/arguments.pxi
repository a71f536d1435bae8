"""Arguments of a call: each function says whether all is as expected, and fills in the context."""

cdef inline bint is_plain(object a, int typenum, int nd):
    """Whether a is an aligned native ndarray, no subclass, of that dtype and number of axes."""
    return (PyArray_CheckExact(a) and cnp.PyArray_NDIM(<cnp.ndarray> a) == nd
            and cnp.PyArray_TYPE(<cnp.ndarray> a) == typenum and PyArray_ISBEHAVED_RO(<cnp.ndarray> a))


cdef inline bint is_matrix(object a, const CallContext* context, Py_ssize_t rows, Py_ssize_t cols):
    """Whether a is a plain array of the call's dtype and of that shape."""
    return (is_plain(a, context.typenum, 2) and cnp.PyArray_DIM(<cnp.ndarray> a, 0) == rows
            and cnp.PyArray_DIM(<cnp.ndarray> a, 1) == cols)


cdef bint take_dtype(CellCalls calls, CallContext* context, object given) except -1:
    """Begin a context: whether an input is a plain array of float32 or float64, whose dtype is the call's."""
    cdef cnp.ndarray x
    context.held_count = 0                                              # this comes first in every call
    context.workspace = NULL
    if not PyArray_CheckExact(given):
        return False
    x = given
    context.typenum = cnp.PyArray_TYPE(x)
    if context.typenum == cnp.NPY_DOUBLE:
        context.table, context.item = calls.f64, 8
    elif context.typenum == cnp.NPY_FLOAT:
        context.table, context.item = calls.f32, 4
    else:
        return False
    context.run.cell = calls.number
    context.run.batch_offset = 0
    context.run.batch_sizes = NULL
    context.run.Whr = NULL
    context.gates, context.stored_gates = calls.gates, calls.stored_gates
    return PyArray_ISBEHAVED_RO(x)


cdef bint take_input(CellCalls calls, CallContext* context, object given, int nd) except -1:
    """Take xt (n_x, m), or x (n_x, m, T)."""
    cdef cnp.ndarray x
    cdef Run* run = &context.run
    if not take_dtype(calls, context, given):
        return False
    x = given
    if cnp.PyArray_NDIM(x) != nd:
        return False
    run.x = <const real*> cnp.PyArray_DATA(x)
    run.n_x = cnp.PyArray_DIM(x, 0)
    run.m = run.batch = cnp.PyArray_DIM(x, 1)
    run.T = cnp.PyArray_DIM(x, 2) if nd == 3 else 1
    run.x_stride_k = cnp.PyArray_STRIDE(x, 0) // context.item
    run.x_stride_m = cnp.PyArray_STRIDE(x, 1) // context.item
    run.x_stride_t = cnp.PyArray_STRIDE(x, 2) // context.item if nd == 3 else 0
    return True


cdef bint take_panels(CellCalls calls, CallContext* context, Panels panels) except -1:
    """Take packed weights, which have to be of the call's cell, dtype and n_x."""
    cdef Run* run = &context.run
    if panels is None or panels.calls is not calls or panels.typenum != context.typenum or panels.n_x != run.n_x:
        return False
    run.n_a, run.n_h, run.n_y = panels.n_a, panels.n_h, panels.n_y
    run.Wx, run.Wa, run.b, run.Whr = panels.Wx, panels.Wa, panels.b, panels.Whr
    context.Wy, context.by = panels.Wy, panels.by
    return True


cdef inline PyObject* find_array(CallContext* context, object parameters, object key) except? NULL:
    """The value under that key of the dict, held until `release`; NULL where there is none.

    The caller alone cannot hold it: while another is looked up the __eq__ of a strange key may replace it, and while
    the GIL is released another thread.
    """
    cdef PyObject* found = PyDict_GetItemWithError(parameters, key)
    if found != NULL:
        incref(found)
        context.held[context.held_count] = found
        context.held_count += 1
    return found


cdef inline void release(CallContext* context) noexcept:
    while context.held_count > 0:
        context.held_count -= 1
        decref(context.held[context.held_count])


cdef inline void take_matrix(const CallContext* context, PyObject* W, const real** memory, Py_ssize_t* row_stride,
                             Py_ssize_t* col_stride) noexcept:
    memory[0] = <const real*> cnp.PyArray_DATA(<cnp.ndarray> W)
    row_stride[0] = cnp.PyArray_STRIDE(<cnp.ndarray> W, 0) // context.item
    col_stride[0] = cnp.PyArray_STRIDE(<cnp.ndarray> W, 1) // context.item


cdef bint take_parameters(CellCalls calls, CallContext* context, object parameters, bint backward) except -1:
    """Take the weights of every gate and of the head, for n_x as it is known; `backward`: what that pass reads."""
    cdef Run* run = &context.run
    cdef GateWeights* gate
    cdef Py_ssize_t g, n_a = -1, n_x = run.n_x, ignored
    cdef PyObject* W_x
    cdef PyObject* W_a
    cdef PyObject* b
    cdef tuple keys
    context.packed = type(parameters) is calls.packed
    if context.packed:
        return take_panels(calls, context, parameters.panels)
    if not PyDict_CheckExact(parameters):
        return False
    for g in range(calls.gates):
        keys = <tuple> calls.keys[g]
        gate = &context.weights[g]
        W_x = find_array(context, parameters, keys[0])
        W_a = find_array(context, parameters, keys[1])
        if W_x == NULL or W_a == NULL or not is_plain(<object> W_x, context.typenum, 2):
            return False
        if n_a < 0:
            n_a = cnp.PyArray_DIM(<cnp.ndarray> W_x, 0)
        if calls.stacked:                                              # one matrix for [a_prev, xt]
            if not is_matrix(<object> W_x, context, n_a, n_a + n_x):
                return False
        elif not is_matrix(<object> W_x, context, n_a, n_x) or not is_matrix(<object> W_a, context, n_a, n_a):
            return False
        take_matrix(context, W_a, &gate.Wa, &gate.Wa_row_stride, &gate.Wa_col_stride)
        take_matrix(context, W_x, &gate.Wx, &gate.Wx_row_stride, &gate.Wx_col_stride)
        if calls.stacked:
            gate.Wx = advance(gate.Wx, n_a * gate.Wx_col_stride, context.item)
        gate.b, gate.b_stride = NULL, 0
        if backward and calls.has_x[g]:                                # b is part of no gradient
            continue
        b = find_array(context, parameters, keys[2])
        if b == NULL or not is_matrix(<object> b, context, n_a, 1):
            return False
        take_matrix(context, b, &gate.b, &gate.b_stride, &ignored)
    run.weights = context.weights
    run.n_a = run.n_h = n_a
    run.n_y = 0
    return backward or take_head(calls, context, parameters)


cdef bint take_head(CellCalls calls, CallContext* context, object parameters) except -1:
    """Take W_y and b_y, if there is one of them."""
    cdef Run* run = &context.run
    cdef Py_ssize_t ignored
    cdef PyObject* W_y = find_array(context, parameters, calls.W_y)
    cdef PyObject* b_y = find_array(context, parameters, calls.b_y)
    if W_y == NULL and b_y == NULL:
        return True
    if W_y == NULL or b_y == NULL or not is_plain(<object> W_y, context.typenum, 2):
        return False
    run.n_y = cnp.PyArray_DIM(<cnp.ndarray> W_y, 0)
    if not is_matrix(<object> W_y, context, run.n_y, run.n_a) or not is_matrix(<object> b_y, context, run.n_y, 1):
        return False
    take_matrix(context, W_y, &run.head.Wa, &run.head.Wa_row_stride, &run.head.Wa_col_stride)
    take_matrix(context, b_y, &run.head.b, &run.head.b_stride, &ignored)
    return True


cdef bint take_initial(CellCalls calls, CallContext* context, tuple initial, bint optional) except -1:
    """Whether the initial states (n_a, m) fit; all but the first may be None where they are `optional`."""
    cdef Py_ssize_t i
    for i in range(calls.states):
        if initial[i] is None and i > 0 and optional:
            continue
        if not is_matrix(initial[i], context, context.run.n_a, context.run.m):
            return False
    return True


cdef int require_sizes(CellCalls calls, const CallContext* context) except -1:
    """Refuse sizes that arrays of stride 0 can claim and no memory holds: every count of bytes fits 64 bits."""
    cdef const Run* run = &context.run
    cdef double rows = (<double> run.T + 1) * run.m, units = run.n_a + 64.0
    if (rows * (units * 4 * MAX_GATES + run.n_x + run.n_y) < MAX_ELEMENTS
            and units * (calls.gates + 1) * (<double> run.n_x + run.n_a + 1) < MAX_ELEMENTS
            and (run.n_y + 64.0) * units < MAX_ELEMENTS):
        return 0
    raise MemoryError("cyrnn: no memory for the work area")


cdef Panels pack_parameters(CellCalls calls, dict arrays):
    """Pack the notebook's parameters; None where they are not plain arrays of one dtype that fit."""
    cdef CallContext context
    cdef Panels panels
    W_x = arrays.get(calls.keys[0][0])
    if not take_dtype(calls, &context, W_x) or cnp.PyArray_NDIM(<cnp.ndarray> W_x) != 2:
        return None
    context.run.m = context.run.T = 1
    context.run.n_x = cnp.PyArray_DIM(<cnp.ndarray> W_x, 1)
    if calls.stacked:
        context.run.n_x -= cnp.PyArray_DIM(<cnp.ndarray> W_x, 0)
    try:
        if context.run.n_x < 0 or not take_parameters(calls, &context, arrays, False):
            return None
        require_sizes(calls, &context)
        panels = Panels()
        panels.fill(&context, calls, NULL, 0, 0)
        return panels
    finally:
        release(&context)
