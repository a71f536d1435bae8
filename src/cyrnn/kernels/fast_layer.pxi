"""A layer, or a cell, as nn has them: time-major rows in and out, no head, nothing kept."""

cdef class Layer:
    """One layer in one direction, called as torch.nn calls it; None where the arguments are not plain arrays that fit.

    x is (T, m, n_x), with `batch_first` (m, T, n_x), or without a batch (T, n_x); states are (count, m, n_a) or
    (count, n_a), of all sublayers of a model, of which this one is at `place`. A `cell` is one step: neither x nor
    states have a first axis.
    """

    cdef Fast fast
    cdef object panels
    cdef bint cell
    cdef Py_ssize_t count, place

    def __init__(self, Fast fast, panels, bint cell, Py_ssize_t count, Py_ssize_t place):
        self.fast, self.panels, self.cell, self.count, self.place = fast, panels, cell, count, place

    def __call__(self, x, hx, bint batch_first, last=None):
        # (output, last states) of a layer, the next states of a cell: an array, or a tuple of two. `last`: states that
        # another sublayer of the model returned for the same batch; this one's are written beside the others.
        cdef Job job
        cdef Run* run = &job.run
        cdef Py_ssize_t i, size, place
        cdef int nd
        cdef char* zeros = NULL
        cdef cnp.npy_intp dims[3]
        cdef cnp.ndarray output = None
        cdef const char* first = NULL
        cdef tuple states
        if not take_rows_of(self, &job, x, batch_first) or not sizes_fit(self.fast, &job):
            return None
        nd = cnp.PyArray_NDIM(<cnp.ndarray> x)
        size = run.m * run.n_a * job.item
        place = self.place * size
        sizes_of(self, run, nd, self.count, dims)
        try:
            if hx is None:
                zeros = <char*> calloc(size, 1)
                if zeros == NULL:
                    raise MemoryError("cyrnn: no memory for the initial states")
                run.initial, run.initial_state_stride = <const real*> zeros, 0
            elif not take_hx(self, &job, hx, dims, nd):
                return None
            if last is None:
                states = PyTuple_New(self.fast.states)
                for i in range(self.fast.states):
                    give(states, i, PyArray_EMPTY(nd, dims, job.typenum, 0))
            else:
                states = <tuple> last if self.fast.states > 1 else (last,)
            first = data(states[0])
            if not self.cell:
                sizes_of(self, run, nd, run.T, dims)
                output = PyArray_EMPTY(nd, dims, job.typenum, 0)
                first = data(output)
            run.states = <real*> first
            if self.fast.states > 1:
                run.state_stride = (data(states[1]) + place - first) // job.item  # each step writes over the one before
            in_parts(columns_part, &job, run.m, work_of(&job))
            if output is not None:
                memcpy(<char*> data(states[0]) + place, first + (run.T - 1) * size, size)
        finally:
            free(zeros)
        last = states if self.fast.states > 1 else states[0]
        if output is None:
            return last
        if nd == 3 and batch_first:
            output = cnp.PyArray_SwapAxes(output, 0, 1)
        return output, last

    def ragged(self, x, tuple initial, order, lengths, bint reverse, out):
        """Run sequences of lengths of their own, from their ends if `reverse`; return the states after the last steps.

        x (T, m, n_x); out (T, m, n_a), written, zero past the ends; initial: (m, n_a) or None for each state;
        order (m,): the longest first. Each of the results is (m, n_a). None where these are not plain arrays that fit.
        """
        return run_ragged(self, x, initial, order, lengths, reverse, out)


cdef inline void sizes_of(Layer layer, const Run* run, int nd, Py_ssize_t first, cnp.npy_intp* dims) noexcept:
    """The sizes of states, `first` being how many, or of the output, which has as many axes as x."""
    dims[0] = first                                # where there is a third axis, or the second is not the batch
    if nd == 3 or (nd == 2 and layer.cell):
        dims[nd - 2] = run.m
    dims[nd - 1] = run.n_a


cdef bint take_rows_of(Layer layer, Job* job, object given, bint batch_first) except -1:
    """Take x."""
    cdef Run* run = &job.run
    cdef cnp.ndarray x
    cdef int nd, time = 0, batch = 1
    if not PyArray_CheckExact(given):
        return False
    x = given
    nd = cnp.PyArray_NDIM(x)
    if not (nd == 2 or nd == (1 if layer.cell else 3)) or not take_dtype(layer.fast, job, x, nd):
        return False
    run.T, run.x_stride_t, run.m, run.x_stride_m = 1, 0, 1, 0
    if layer.cell:
        time, batch = -1, 0 if nd == 2 else -1
    elif nd == 2:
        batch = -1
    elif batch_first:
        time, batch = 1, 0
    if time >= 0:
        run.T, run.x_stride_t = cnp.PyArray_DIM(x, time), cnp.PyArray_STRIDE(x, time) // job.item
    if batch >= 0:
        run.m, run.x_stride_m = cnp.PyArray_DIM(x, batch), cnp.PyArray_STRIDE(x, batch) // job.item
    run.n_x, run.x_stride_k = cnp.PyArray_DIM(x, nd - 1), cnp.PyArray_STRIDE(x, nd - 1) // job.item
    run.batch, run.gates, run.state_stride, run.state_stride_t = run.m, NULL, 0, 0
    job.packed = True
    return run.m > 0 and run.T > 0 and take_panels(layer.fast, job, layer.panels)


cdef bint take_hx(Layer layer, Job* job, object hx, const cnp.npy_intp* dims, int nd) except -1:
    """Let the run start where the given states lie, all of which are of those sizes, without gaps."""
    cdef Run* run = &job.run
    cdef cnp.ndarray state
    cdef const char* first = NULL
    cdef Py_ssize_t i
    cdef int axis
    if layer.fast.states > 1 and (type(hx) is not tuple or len(<tuple> hx) != layer.fast.states):
        return False
    run.initial_state_stride = 0
    for i in range(layer.fast.states):
        given = (<tuple> hx)[i] if layer.fast.states > 1 else hx
        if not PyArray_CheckExact(given):
            return False
        state = given
        if (cnp.PyArray_NDIM(state) != nd or cnp.PyArray_TYPE(state) != job.typenum or not PyArray_ISBEHAVED_RO(state)
                or not cnp.PyArray_IS_C_CONTIGUOUS(state)):
            return False
        for axis in range(nd):
            if cnp.PyArray_DIM(state, axis) != dims[axis]:
                return False
        if i == 0:
            run.initial = <const real*> (data(state) + layer.place * run.m * run.n_a * job.item)
            first = data(state)
        else:
            run.initial_state_stride = (data(state) - first) // job.item
    return True
