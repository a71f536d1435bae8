"""Arguments of a call: each function says whether all is as expected, and fills in the context."""

cdef inline void begin(CallContext* context) noexcept:
    """Begin a context: nothing is held. This comes first in every call; `release` ends it."""
    context.held_count = 0
    context.workspace = NULL
    context.saved = NULL


cdef inline void release(CallContext* context) noexcept:
    """Give up what a call held."""
    free(context.saved)
    context.saved = NULL
    while context.held_count > 0:
        context.held_count -= 1
        if context.held[context.held_count] != NULL:
            decref(context.held[context.held_count])


cdef inline int keep(CallContext* context, PyObject* found) except -1:
    """Keep an object, or NULL, until `release`."""
    if found != NULL:
        incref(found)
    context.held[context.held_count] = found
    context.held_count += 1
    return 0


cdef bint find_parameters(CellCalls calls, CallContext* context, object parameters) except -1:
    """Look up and hold what `take_parameters` reads: three arrays for each gate and two of the head, or the Panels.

    This comes before any array of the call is read: the __eq__ of a strange key may do anything to any of them. Nor
    could the dict hold its arrays: such a key may replace them, and another thread while the GIL is released.
    """
    cdef Py_ssize_t g
    cdef int i
    cdef tuple keys
    context.packed = type(parameters) is calls.packed
    if context.packed:
        panels = getattr(parameters, "panels", None)
        keep(context, <PyObject*> panels)
        return True
    if not PyDict_CheckExact(parameters):
        return False
    for g in range(calls.gates):
        keys = <tuple> calls.keys[g]
        for i in range(3):
            keep(context, PyDict_GetItemWithError(parameters, keys[i]))
    keep(context, PyDict_GetItemWithError(parameters, calls.W_y))
    keep(context, PyDict_GetItemWithError(parameters, calls.b_y))
    if context.held[context.held_count - 1] == context.held[context.held_count - 2] == NULL:
        return PyDict_GetItemWithError(parameters, calls.misnamed_head) == NULL
    return True


cdef bint take_dtype(CellCalls calls, CallContext* context, object given) except -1:
    """Whether an input is an array of float32 or float64, whose dtype is the call's."""
    if not PyArray_CheckExact(given):
        return False
    context.typenum = cnp.PyArray_TYPE(<cnp.ndarray> given)
    return take_typenum(calls, context)


cdef inline bint take_typenum(CellCalls calls, CallContext* context) noexcept:
    """Settle all that follows from the cell and the dtype."""
    if context.typenum == cnp.NPY_DOUBLE:
        context.table, context.item = calls.f64, 8
    elif context.typenum == cnp.NPY_FLOAT:
        context.table, context.item = calls.f32, 4
    else:
        return False
    context.run.cell, context.run.variant = calls.number, NULL
    context.run.tokens = False
    context.run.batch_offset = 0
    context.run.batch_sizes = NULL
    context.run.resets.flags, context.run.resets.previous = NULL, NULL
    context.run.pause_steps = 0
    context.run.Whr = NULL
    context.run.integers = NULL
    context.gates, context.stored_gates, context.slots = calls.gates, calls.stored_gates, calls.slots
    return True


cdef bint take_input(CellCalls calls, CallContext* context, object given, int nd) except -1:
    """Take xt (n_x, m), or x (n_x, m, T)."""
    cdef Run* run = &context.run
    cdef PlainArray* x = &context.input
    if not take_dtype(calls, context, given) or not read_plain(<PyObject*> given, context.typenum, nd, x):
        return False
    run.x = <const real*> x.memory
    run.n_x = x.shape[0]
    run.m = run.batch = x.shape[1]
    run.T = x.shape[2] if nd == 3 else 1
    run.x_stride_k = x.strides[0] // context.item
    run.x_stride_m = x.strides[1] // context.item
    run.x_stride_t = x.strides[2] // context.item if nd == 3 else 0
    return True


cdef bint take_panels(CellCalls calls, CallContext* context, object given) except -1:
    """Take packed weights, which have to be of the call's cell, dtype and n_x."""
    cdef Run* run = &context.run
    cdef Panels panels
    if type(given) is not Panels:                     # of a Packed that somebody has tampered with
        return False
    panels = <Panels> given
    if panels.calls is not calls or panels.typenum != context.typenum or panels.n_x != run.n_x:
        return False
    run.n_a, run.n_h, run.n_y = panels.n_a, panels.n_h, panels.n_y
    run.Wx, run.Wa, run.b, run.Whr = panels.Wx, panels.Wa, panels.b, panels.Whr
    context.Wy, context.by = panels.Wy, panels.by
    if panels.integer_table != NULL:
        context.table, run.integers = panels.integer_table, &panels.integers
    return True


cdef bint take_parameters(CellCalls calls, CallContext* context, bint backward) except -1:
    """Take the weights of every gate and of the head, which `find_parameters` found, for n_x as it is known.

    `backward`: what that pass reads.
    """
    cdef Run* run = &context.run
    cdef GateWeights* gate
    cdef Py_ssize_t g, n_a = -1, n_x = run.n_x
    cdef PyObject** found = context.held
    cdef PlainArray W_x, W_a, b
    if context.packed:
        return take_panels(calls, context, <object> found[0])
    for g in range(calls.gates):
        gate = &context.weights[g]
        if not read_plain(found[0], context.typenum, 2, &W_x):
            return False
        if n_a < 0:
            n_a = W_x.shape[0]
        if W_x.shape[0] != n_a:
            return False
        if calls.stacked:                                              # one matrix for [a_prev, xt]
            if W_x.shape[1] != n_a + n_x:
                return False
            W_a = W_x
            W_x.memory += n_a * W_x.strides[1]
        elif calls.has_x[g] and W_x.shape[1] != n_x:
            return False
        elif not calls.has_a[g]:
            W_a = W_x                                                  # which no product reads
        elif not read_matrix(found[1], context.typenum, n_a, n_a, &W_a):
            return False
        gate.Wa, gate.Wx = <const real*> W_a.memory, <const real*> W_x.memory
        gate.Wa_row_stride, gate.Wa_col_stride = W_a.strides[0] // context.item, W_a.strides[1] // context.item
        gate.Wx_row_stride, gate.Wx_col_stride = W_x.strides[0] // context.item, W_x.strides[1] // context.item
        gate.b, gate.b_stride = NULL, 0
        if not backward or not calls.has_x[g]:                         # else b is part of no gradient
            if not read_matrix(found[2], context.typenum, n_a, 1, &b):
                return False
            gate.b, gate.b_stride = <const real*> b.memory, b.strides[0] // context.item
        found += 3
    run.weights = context.weights
    run.n_a = run.n_h = n_a
    run.n_y = 0
    return backward or take_head(context, found[0], found[1])


cdef bint take_head(CallContext* context, PyObject* W_y, PyObject* b_y) except -1:
    """Take W_y and b_y, if there is one of them."""
    cdef Run* run = &context.run
    cdef PlainArray W, b
    if W_y == NULL and b_y == NULL:
        return True
    if (not read_plain(W_y, context.typenum, 2, &W) or W.shape[1] != run.n_a
            or not read_matrix(b_y, context.typenum, W.shape[0], 1, &b)):
        return False
    run.n_y = W.shape[0]
    run.head.Wa, run.head.b = <const real*> W.memory, <const real*> b.memory
    run.head.Wa_row_stride, run.head.Wa_col_stride = W.strides[0] // context.item, W.strides[1] // context.item
    run.head.b_stride = b.strides[0] // context.item
    return True


cdef bint take_initial(CellCalls calls, CallContext* context, tuple initial, bint optional) except -1:
    """Take the initial states (n_a, m); all but the first may be None where they are `optional`."""
    cdef Py_ssize_t i
    for i in range(calls.states):
        if initial[i] is None and i > 0 and optional:
            context.initial[i].memory = NULL
        elif not read_matrix(<PyObject*> (<object> initial[i]), context.typenum, context.run.n_a, context.run.m,
                             &context.initial[i]):
            return False
    return True


cdef int require_sizes(CellCalls calls, const CallContext* context) except -1:
    """Refuse sizes that arrays of stride 0 can claim and no memory holds: every count of bytes fits an address."""
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
    cdef PlainArray W_x
    cdef Panels panels
    begin(&context)
    try:
        if (not find_parameters(calls, &context, arrays) or context.held[0] == NULL
                or not take_dtype(calls, &context, <object> context.held[0])
                or not read_plain(context.held[0], context.typenum, 2, &W_x)):
            return None
        context.run.m = context.run.T = 1
        context.run.n_x = W_x.shape[1] - W_x.shape[0] if calls.stacked else W_x.shape[1]
        if context.run.n_x < 0 or not take_parameters(calls, &context, False):
            return None
        require_sizes(calls, &context)
        panels = Panels()
        panels.fill(&context, calls, NULL, 0, 0)
        panels.arrays = arrays
        return panels
    finally:
        release(&context)
