"""The results as users see them: views of the blocks, and the notebook's tuples."""

cdef inline cnp.ndarray view(cnp.ndarray base, Py_ssize_t offset, int nd, const cnp.npy_intp* dims,
                             const cnp.npy_intp* strides):
    """A view of base's memory, offset and strides in bytes."""
    cdef PyArray_Descr* descr = PyArray_DESCR(base)
    cdef cnp.ndarray out
    # NewFromDescr takes one over, and NumPy never gives it back where dtypes are immortal (CPython 3.15): Py_INCREF of
    # the Limited API would count on, view after view, until after 2**30 of them the dtype was mortal
    Py_IncRef(<PyObject*> descr)
    out = PyArray_NewFromDescr(<PyTypeObject*> cnp.ndarray, descr, nd, dims, strides,
                               <char*> cnp.PyArray_DATA(base) + offset,
                               cnp.PyArray_FLAGS(base) & cnp.NPY_ARRAY_WRITEABLE, NULL)
    Py_INCREF(base)
    PyArray_SetBaseObject(out, base)
    return out


cdef inline int give(tuple out, Py_ssize_t i, object item) except -1:
    Py_INCREF(item)                                                        # SetItem takes one over
    return PyTuple_SetItem(out, i, item)


cdef cnp.ndarray state_at(Fast fast, const Job* job, cnp.ndarray base, Py_ssize_t first):
    """One state or gate of one step, (n_a, m), from that element of base on."""
    cdef const Run* run = &job.run
    cdef cnp.npy_intp dims[2]
    cdef cnp.npy_intp strides[2]
    dims[0], dims[1] = run.n_a, run.m
    strides[0], strides[1] = job.unit, job.column
    return view(base, first * job.item, 2, dims, strides)


cdef cnp.ndarray whole(Fast fast, const Job* job, cnp.ndarray states, Py_ssize_t state):
    """One state of every step: (n_a, m, T)."""
    cdef const Run* run = &job.run
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    dims[0], dims[1], dims[2] = run.n_a, run.m, run.T
    strides[0], strides[1], strides[2] = job.unit, job.column, run.m * run.n_a * job.item
    return view(states, (state * (run.T + 1) + 1) * run.m * run.n_a * job.item, 3, dims, strides)


cdef cnp.ndarray whole_y(Fast fast, const Job* job, cnp.ndarray y):
    """The predictions (n_y, m, T)."""
    cdef const Run* run = &job.run
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    dims[0], dims[1], dims[2] = run.n_y, run.m, run.T
    strides[0], strides[1], strides[2] = job.y_unit, job.y_column, run.m * run.n_y * job.item
    return view(y, 0, 3, dims, strides)


cdef tuple cache(Fast fast, const Job* job, cnp.ndarray gates, Py_ssize_t first, object xt, PyObject** previous,
                 PyObject** following, object parameters):
    """The notebook's tuple for one step, whose gates stand from that element of `gates` on."""
    cdef const Run* run = &job.run
    cdef Py_ssize_t i
    cdef tuple out = PyTuple_New(fast.places)
    for i in range(fast.places):
        if fast.kind[i] == GATE:
            give(out, i, state_at(fast, job, gates, first + fast.index[i] * run.m * run.n_a))
        elif fast.kind[i] == NEXT:
            give(out, i, <object> following[fast.index[i]])
        elif fast.kind[i] == PREVIOUS:
            give(out, i, <object> previous[fast.index[i]])
        elif fast.kind[i] == INPUT:
            give(out, i, xt)
        else:
            give(out, i, parameters)
    return out


cdef list caches(Fast fast, const Job* job, cnp.ndarray states, cnp.ndarray gates, cnp.ndarray x, tuple initial,
                 object parameters):
    """The notebook's tuple for every step; a_prev of a step is the very object that was a_next before it."""
    cdef const Run* run = &job.run
    cdef cnp.npy_intp dims[2]
    cdef cnp.npy_intp strides[2]
    cdef PyObject* previous[MOST_STATES]
    cdef PyObject* following[MOST_STATES]
    cdef list steps = [[] for i in range(fast.states)]                 # owns what the pointers point to
    cdef list out = PyList_New(run.T)
    cdef Py_ssize_t t, i, size = run.m * run.n_a
    cdef object state
    dims[0], dims[1] = run.n_x, run.m
    strides[0], strides[1] = cnp.PyArray_STRIDE(x, 0), cnp.PyArray_STRIDE(x, 1)
    for i in range(fast.states):
        state = state_at(fast, job, states, i * run.state_stride) if initial[i] is None else initial[i]
        (<list> steps[i]).append(state)
        previous[i] = <PyObject*> state
    for t in range(run.T):
        for i in range(fast.states):
            state = state_at(fast, job, states, i * run.state_stride + (t + 1) * size)
            (<list> steps[i]).append(state)
            following[i] = <PyObject*> state
        xt = view(x, t * cnp.PyArray_STRIDE(x, 2), 2, dims, strides)
        state = cache(fast, job, gates, t * fast.kept * size, xt, previous, following, parameters)
        Py_INCREF(state)
        PyList_SetItem(out, t, state)
        for i in range(fast.states):
            previous[i] = following[i]
    return out
