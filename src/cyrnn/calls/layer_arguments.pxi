"""The arguments of one layer of nn in one direction, or of nn's cell.

Rows are time-major: a batch is (T, m, n_x), sorted and turned round where rows are gathered (lengths.pxi), states are
rows (m, n). Without a projection the hidden state is a, and n_h = n_a.
"""

cdef class Sublayer                      # sublayer.pxi


cdef struct Layout:
    # the axes of x as its caller has them
    int nd
    int time, batch          # which axis they are; -1 where there is none


cdef struct LayerRun:
    # a forward pass of one sublayer: what its ranges read and write beside the context. Strides in bytes.
    CallContext* context
    RowOrder rows
    Py_ssize_t sizes[MAX_STATES]         # n of each state: n_h, then n_a
    const char* initial[MAX_STATES]      # (m, n), contiguous; NULL for zeros
    char* last[MAX_STATES]               # (m, n), contiguous, written
    char* output                         # this direction's columns of (T, m, D * n_h), written
    Py_ssize_t output_stride_t, output_stride_m


cdef bint take_rows(Sublayer layer, CallContext* context, object given, bint batch_first, Layout* layout) except -1:
    """Take x."""
    cdef Run* run = &context.run
    cdef PlainArray* x = &context.input
    cdef int nd
    if type(given) is Tokens:
        return take_tokens(layer, context, <Tokens> given, batch_first, layout)
    if not take_dtype(layer.calls, context, given):
        return False
    nd = layout.nd = cnp.PyArray_NDIM(<cnp.ndarray> given)
    if not find_axes(layer, batch_first, layout) or not read_plain(<PyObject*> given, context.typenum, nd, x):
        return False
    run.n_x, run.x_stride_k = x.shape[nd - 1], x.strides[nd - 1] // context.item
    return take_leading_axes(layer, context, layout)


cdef bint find_axes(Sublayer layer, bint batch_first, Layout* layout) noexcept:
    """Which axes of x are those of time and of the batch; False where x has too few or too many."""
    if layer.single_step:
        layout.time, layout.batch = -1, 0 if layout.nd == 2 else -1
        return layout.nd == 1 or layout.nd == 2
    layout.time, layout.batch = 0, -1
    if layout.nd == 3:
        layout.time, layout.batch = (1, 0) if batch_first else (0, 1)
    return layout.nd == 2 or layout.nd == 3


cdef Tokens plain_tokens(Sublayer layer, cnp.ndarray given, Lengths lengths, bint batch_first):
    """Return whole numbers as tokens; None where they do not fit, or could be features of one sequence."""
    cdef int axes = cnp.PyArray_NDIM(given), most = 1 if layer.single_step else 2
    if axes > most or axes < most - 1 or (axes == most and cnp.PyArray_DIM(given, axes - 1) == layer.panels.n_x):
        return None
    return tokens(given, layer.panels.n_x, 8 if layer.panels.typenum == cnp.NPY_DOUBLE else 4, lengths, batch_first)


cdef bint take_tokens(Sublayer layer, CallContext* context, Tokens tokens, bint batch_first,
                      Layout* layout) except -1:
    """Take x of tokens: as that of rows, but that the last axis is not there."""
    cdef Run* run = &context.run
    context.typenum = layer.panels.typenum
    layout.nd = tokens.axes + 1
    if (not take_typenum(layer.calls, context) or tokens.item != context.item or tokens.n_x != layer.panels.n_x
            or not find_axes(layer, batch_first, layout)
            or not read_plain(<PyObject*> tokens.array, tokens.typenum, tokens.axes, &context.input)):
        return False
    run.tokens, run.n_x, run.x_stride_k = True, tokens.n_x, 1
    if not take_leading_axes(layer, context, layout):
        return False
    if layer.token_b is not None:
        run.b = <const real*> aligned(<char*> data(layer.token_b))
    return True


cdef bint take_leading_axes(Sublayer layer, CallContext* context, const Layout* layout) except -1:
    """Take the steps and the columns of x, which is read, and the weights."""
    cdef Run* run = &context.run
    cdef const PlainArray* x = &context.input
    run.x = <const real*> x.memory
    run.T, run.x_stride_t, run.m, run.x_stride_m = 1, 0, 1, 0
    if layout.time >= 0:
        run.T, run.x_stride_t = x.shape[layout.time], x.strides[layout.time] // context.item
    if layout.batch >= 0:
        run.m, run.x_stride_m = x.shape[layout.batch], x.strides[layout.batch] // context.item
    run.batch, run.gates, run.state_stride, run.state_stride_t = run.m, NULL, 0, 0
    run.variant = layer.variant
    context.packed = True
    return take_panels(layer.calls, context, layer.panels)


cdef inline void sizes_of(const Layout* layout, Py_ssize_t leading, Py_ssize_t m, Py_ssize_t n,
                          cnp.npy_intp* dims) noexcept:
    """The sizes of an array with the axes of x in time-major order: (leading, m, n), without those that x has not."""
    dims[0] = leading            # overwritten below where x has fewer axes
    if layout.batch >= 0:
        dims[layout.nd - 2] = m
    dims[layout.nd - 1] = n


cdef bint read_sizes(PyObject* given, const CallContext* context, const Layout* layout, Py_ssize_t leading,
                     Py_ssize_t n, PlainArray* out) noexcept:
    """Read an array, and say whether it is plain and of the sizes that `sizes_of` gives for (leading, m, n)."""
    cdef cnp.npy_intp dims[3]
    cdef int axis
    if not read_plain(given, context.typenum, layout.nd, out):
        return False
    sizes_of(layout, leading, context.run.m, n, dims)
    for axis in range(layout.nd):
        if out.shape[axis] != dims[axis]:
            return False
    return True


cdef bint take_state(Sublayer layer, const CallContext* context, const Layout* layout, PyObject* given, Py_ssize_t n,
                     const char** rows, Py_ssize_t* stride_m, Py_ssize_t* stride_k) noexcept:
    """Find this sublayer's rows (m, n) in states of a model; strides in bytes."""
    cdef PlainArray state
    state.strides[0] = 0                             # gcc does not know that there is an axis
    if not read_sizes(given, context, layout, layer.count, n, &state):
        return False
    rows[0] = state.memory
    if not layer.single_step:
        rows[0] += layer.index * state.strides[0]
    stride_m[0] = state.strides[layout.nd - 2] if layout.batch >= 0 else 0
    stride_k[0] = state.strides[layout.nd - 1]
    return True


cdef inline bint is_states(object given, int count):
    """Whether an object has `count` states: it is one itself, or a tuple of them."""
    return count == 1 or (type(given) is tuple and len(<tuple> given) == count)


cdef const char* reset_flags(object reset, const Run* run, const Layout* layout, char* single) except? NULL:
    """The flags (m,) of a mask; NULL where it does not fit."""
    cdef PlainArray mask
    if layout.batch < 0:
        if type(reset) is not bool:
            return NULL
        single[0] = reset is True
        return single
    if (not read_plain(<PyObject*> reset, cnp.NPY_BOOL, 1, &mask) or mask.shape[0] != run.m
            or (mask.strides[0] != 1 and run.m > 1)):
        return NULL
    return mask.memory


cdef bint take_initial_rows(Sublayer layer, LayerRun* w, const Layout* layout, object hx, object reset,
                            void** workspace) except -1:
    """Let the pass start from the given states in place, if they are contiguous rows; else from a copy."""
    cdef const Run* run = &w.context.run
    cdef Py_ssize_t i, j, stride_m, stride_k, item = w.context.item
    cdef const char* flags = NULL
    cdef const char* rows
    cdef char* copied
    cdef char single
    for i in range(MAX_STATES):
        w.initial[i] = NULL
    if reset is not None:
        flags = reset_flags(reset, run, layout, &single)
        if flags == NULL:
            return False
    if hx is None:
        return True
    if not is_states(hx, layer.calls.states):
        return False
    for i in range(layer.calls.states):
        state = (<tuple> hx)[i] if layer.calls.states > 1 else hx
        if not take_state(layer, w.context, layout, <PyObject*> state, w.sizes[i], &rows, &stride_m, &stride_k):
            return False
        if flags == NULL and (stride_k == item or w.sizes[i] == 1) and (stride_m == w.sizes[i] * item or run.m == 1):
            w.initial[i] = rows
            continue
        if workspace[0] == NULL:
            workspace[0] = malloc(run.m * (w.sizes[0] + run.n_a) * item + 1)
            if workspace[0] == NULL:
                raise MemoryError("cyrnn: no memory for the initial states")
        copied = <char*> workspace[0] + i * run.m * w.sizes[0] * item
        w.initial[i] = copied
        for j in range(run.m):
            if flags != NULL and flags[j]:
                memset(copied + j * w.sizes[i] * item, 0, w.sizes[i] * item)
            else:
                copy_row(copied + j * w.sizes[i] * item, rows + j * stride_m, stride_k, w.sizes[i], item)
    return True


cdef cnp.ndarray in_axes(cnp.ndarray rows, const Layout* layout):
    """Rows in time-major order as the caller has x."""
    return cnp.PyArray_SwapAxes(rows, 0, 1) if layout.batch == 0 and layout.nd == 3 else rows


cdef object new_states(Sublayer layer, const CallContext* context, const Layout* layout, const Py_ssize_t* sizes):
    """Allocate states of all sublayers, as torch returns them: an array, or a tuple of two."""
    cdef cnp.npy_intp dims[3]
    cdef tuple states = PyTuple_New(layer.calls.states)
    cdef Py_ssize_t i
    hide(states)                                         # for good: arrays have no part in circles
    for i in range(layer.calls.states):
        sizes_of(layout, layer.count, context.run.m, sizes[i], dims)
        set_item(states, i, PyArray_EMPTY(layout.nd, dims, context.typenum, 0))
    return states if layer.calls.states > 1 else states[0]


cdef object changed_result():
    """The error where another sublayer's results, beside which this one's go, are not as its call made them."""
    return ValueError("cyrnn: a result of another sublayer of the model was changed while the model ran")


cdef int point_to_states(Sublayer layer, const CallContext* context, const Layout* layout, object states,
                         const Py_ssize_t* sizes, char** rows) except -1:
    """This sublayer's rows in states that `new_states` made: now, or for another sublayer."""
    cdef Py_ssize_t i
    cdef PlainArray read
    if not is_states(states, layer.calls.states):
        raise changed_result()
    for i in range(layer.calls.states):
        state = (<tuple> states)[i] if layer.calls.states > 1 else states
        if (not read_sizes(<PyObject*> state, context, layout, layer.count, sizes[i], &read)
                or not read.flags & cnp.NPY_ARRAY_WRITEABLE or not read.flags & cnp.NPY_ARRAY_C_CONTIGUOUS):
            raise changed_result()
        rows[i] = <char*> read.memory + layer.index * context.run.m * sizes[i] * context.item
    return 0


cdef cnp.ndarray take_output(Sublayer layer, LayerRun* w, const Layout* layout, object given):
    """The output of a layer, with the axes of x: new, or what the other direction returned."""
    cdef const Run* run = &w.context.run
    cdef cnp.npy_intp dims[3]
    cdef PlainArray read
    cdef object output = given
    cdef Py_ssize_t n = w.sizes[0]
    if given is None:
        sizes_of(layout, run.T, run.m, layer.directions * n, dims)
        output = in_axes(PyArray_EMPTY(layout.nd, dims, w.context.typenum, 0), layout)
    if (not read_plain(<PyObject*> output, w.context.typenum, layout.nd, &read)
            or not read.flags & cnp.NPY_ARRAY_WRITEABLE or read.shape[layout.time] != run.T
            or (layout.batch >= 0 and read.shape[layout.batch] != run.m)
            or read.shape[layout.nd - 1] != layer.directions * n
            or (read.strides[layout.nd - 1] != w.context.item and run.T * run.m * n > 0)):
        raise changed_result()
    w.output = <char*> read.memory + layer.index % layer.directions * n * w.context.item
    w.output_stride_t = read.strides[layout.time]
    w.output_stride_m = read.strides[layout.batch] if layout.batch >= 0 else 0
    return output
