"""The notebook's functions: results and cache tuples, whose arrays are views of a call's blocks."""

cdef cnp.ndarray state_at(const CallContext* context, cnp.ndarray base, Py_ssize_t first):
    """One state or gate of one step, (n_a, m), from that element of base on."""
    cdef cnp.npy_intp dims[2]
    cdef cnp.npy_intp strides[2]
    dims[0], dims[1] = context.run.n_a, context.run.m
    strides[0], strides[1] = context.unit_stride, context.column_stride
    return view(base, first * context.item, 2, dims, strides)


cdef tuple cache_of(CellCalls calls, const CallContext* context, cnp.ndarray gates, Py_ssize_t first, object xt,
                    PyObject** previous, PyObject** following, object parameters):
    """The notebook's tuple for one step, whose gates begin at that element of `gates`."""
    cdef Py_ssize_t i, size = context.run.m * context.run.n_a
    cdef tuple out = PyTuple_New(calls.slots)
    hide(out)
    for i in range(calls.slots):
        if calls.kind[i] == GATE:
            set_item(out, i, state_at(context, gates, first + calls.index[i] * size))
        elif calls.kind[i] == NEXT:
            set_item(out, i, <object> following[calls.index[i]])
        elif calls.kind[i] == PREVIOUS:
            set_item(out, i, <object> previous[calls.index[i]])
        elif calls.kind[i] == INPUT:
            set_item(out, i, xt)
        else:
            set_item(out, i, parameters)
    show(out)
    return out


cdef list caches_of(CellCalls calls, const CallContext* context, cnp.ndarray states, cnp.ndarray gates, cnp.ndarray x,
                    tuple given):
    """The notebook's tuple for every step; a_prev of a step is the very object that was a_next before it."""
    cdef const Run* run = &context.run
    cdef cnp.npy_intp dims[2]
    cdef cnp.npy_intp strides[2]
    cdef PyObject* previous[MAX_STATES]
    cdef PyObject* following[MAX_STATES]
    cdef tuple initial = given[1]
    cdef list steps = [[] for i in range(calls.states)]                # owns the states of the pointers
    cdef list out = PyList_New(run.T)
    cdef Py_ssize_t t, i, size = run.m * run.n_a
    cdef object state, parameters = given[2], array = given[3]
    hide(out)
    dims[0], dims[1] = run.n_x, run.m
    strides[0], strides[1] = context.input.strides[0], context.input.strides[1]
    for i in range(calls.states):
        state = state_at(context, states, i * run.state_stride) if initial[i] is None else initial[i]
        (<list> steps[i]).append(state)
        previous[i] = <PyObject*> state
    for t in range(run.T):
        pause_between_steps(t)
        for i in range(calls.states):
            state = state_at(context, states, i * run.state_stride + (t + 1) * size)
            (<list> steps[i]).append(state)
            following[i] = <PyObject*> state
        if array is None:
            xt = view_of_plain(x, &context.input, states, t * context.input.strides[2], 2, dims, strides)
        else:
            xt = array[:, :, t]
        state = cache_of(calls, context, gates, t * calls.stored_gates * size, xt, previous, following, parameters)
        Py_INCREF(state)
        PyList_SetItem(out, t, state)
        for i in range(calls.states):
            previous[i] = following[i]
    show(out)
    return out


cdef tuple run_step(CellCalls calls, xt, tuple initial, parameters, return_caches, tuple given):
    """CellCalls.step."""
    cdef CallContext context
    cdef Run* run = &context.run
    cdef Py_ssize_t i, size, stored = calls.stored_gates if return_caches else 0
    cdef cnp.npy_intp dims[2]
    cdef cnp.ndarray values, y
    cdef PyObject* previous[MAX_STATES]
    cdef PyObject* following[MAX_STATES]
    cdef tuple results, before = initial
    cdef object owned = own(parameters), kept_xt = xt, kept_parameters = parameters
    if given is not None:
        kept_xt, before, kept_parameters = given[0], given[1], given[2]
    begin(&context)
    try:
        if (not find_parameters(calls, &context, owned) or not take_input(calls, &context, xt, 2)
                or not take_parameters(calls, &context, False) or not take_initial(calls, &context, initial, False)):
            return None
        require_sizes(calls, &context)
        choose_path(calls, &context)
        # small arrays cost more than small steps: next states and gates are views of one block, or the block
        size = run.m * run.n_a
        dims[0], dims[1] = (calls.states + stored) * run.n_a, run.m
        values = PyArray_EMPTY(2, dims, context.typenum, context.column_stride != context.item)
        dims[0] = run.n_y
        y = PyArray_EMPTY(2, dims, context.typenum, context.y_column_stride != context.item)
        run.state_stride_t = 0
        run.states = <real*> data(values)
        run.state_stride = size
        run.gates = <real*> advance(run.states, calls.states * size, context.item) if stored else NULL
        run.y = <real*> data(y) if run.n_y > 0 else NULL
        _copy = initial_of_step(calls, &context)                # lives until the step is done
        execute(calls, &context)
        results = PyTuple_New(calls.states + 2)
        hide(results)
        for i in range(calls.states):
            state = values if calls.states + stored == 1 else state_at(&context, values, i * size)
            following[i] = <PyObject*> state
            previous[i] = <PyObject*> before[i]
            set_item(results, i, state)
        set_item(results, calls.states, y)
        set_item(results, calls.states + 1,
                 cache_of(calls, &context, values, calls.states * size, kept_xt, previous, following, kept_parameters)
                 if return_caches else None)
        show(results)
        return results
    finally:
        release(&context)


cdef tuple run_sequence(CellCalls calls, x, tuple initial, parameters, return_caches, tuple given):
    """CellCalls.sequence."""
    cdef CallContext context
    cdef Run* run = &context.run
    cdef bint with_caches = return_caches
    cdef cnp.npy_intp dims[4]
    cdef cnp.ndarray y, hidden, other = None, states, gates = None
    cdef object caches = None, owned = own(parameters)
    if given is None:
        given = (x, initial, parameters, None)
    begin(&context)
    try:
        if (not find_parameters(calls, &context, owned) or not take_input(calls, &context, x, 3)
                or not take_parameters(calls, &context, False) or not take_initial(calls, &context, initial, True)):
            return None
        require_sizes(calls, &context)
        choose_path(calls, &context)
        hidden, y = state_result(&context), y_result(&context)
        if calls.states > 1:
            other = state_result(&context)
        if with_caches:
            states = states_of_sequence(calls, &context)
        else:
            states = write_to_results(calls, &context, hidden, other)
        run.y = <real*> data(y) if run.n_y > 0 else NULL
        if with_caches and calls.stored_gates:
            dims[0], dims[1], dims[2], dims[3] = run.T, calls.stored_gates, run.m, run.n_a
            gates = PyArray_EMPTY(4, dims, context.typenum, 0)
            run.gates = <real*> data(gates)
        execute(calls, &context)
        if with_caches:
            copy_to_result(&context, 0, hidden)
            if calls.states > 1:
                copy_to_result(&context, 1, other)
            caches = caches_of(calls, &context, states, gates, x, given), given[0]
        return (hidden, y, other, caches) if calls.states > 1 else (hidden, y, caches)
    finally:
        release(&context)
