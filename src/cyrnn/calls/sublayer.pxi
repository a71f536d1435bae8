"""One layer of nn in one direction, or nn's cell: its weights, its passes forward and backward."""

cdef object forward_sublayer(Sublayer layer, object x, object hx, bint batch_first, Lengths lengths, object reset,
                             object last, object output, list records):
    """Sublayer.forward."""
    cdef CallContext context
    cdef Run* run = &context.run
    cdef LayerRun w
    cdef Layout layout
    cdef void* workspace = NULL
    cdef SavedForward saved
    if type(hx) is list:
        hx = tuple(<list> hx)                        # holds the arrays whose memory is read below
    if not take_rows(layer, &context, x, batch_first, &layout):
        return None
    if lengths is not None and (lengths.T != run.T or lengths.m != run.m or layout.batch < 0):
        return None
    require_sizes(layer.calls, &context)
    if lengths is not None and lengths.total == run.T * run.m:         # whole sequences, in their own order
        lengths = None
    w.context = &context
    w.rows = row_order(lengths, run.T, run.m, layer.reverse)
    w.sizes[0], w.sizes[1], w.last[1] = run.n_h, run.n_a, NULL
    try:
        if not take_initial_rows(layer, &w, &layout, hx, reset, &workspace):
            return None
        if last is None:
            last = new_states(layer, &context, &layout, w.sizes)
        point_to_states(layer, &context, last, w.sizes, w.last)
        if records is not None:
            saved = record(layer, &w, &layout, x, lengths)
            records.append(saved)
            output = scatter_record(layer, &w, &layout, saved, output)
        elif layer.single_step:
            w.output = w.last[0]
            forward_in_place(layer, &w)
        else:
            output = take_output(layer, &w, &layout, output)
            if lengths is None and layer.directions == 1 and run.Whr == NULL:
                forward_in_place(layer, &w)
            else:
                forward_in_blocks(layer, &w)
    finally:
        free(workspace)
    return output, last


cdef class Sublayer:
    """One layer in one direction; its calls give None where the arguments are not plain arrays that fit."""

    cdef CellCalls calls
    cdef Panels panels
    cdef readonly tuple arrays           # W_x, W_a, b, W_hr: see CellCalls.sublayer
    cdef GateWeights weights[MAX_GATES]  # in these arrays
    cdef int blocks[MAX_GATES]           # which block of rows of W_x and W_a each gate has
    cdef Py_ssize_t block_count
    cdef Py_ssize_t index, count, directions
    cdef bint single_step, reverse

    def __init__(self, CellCalls calls, tuple arrays, tuple blocks, Py_ssize_t index, Py_ssize_t count,
                 Py_ssize_t directions, bint single_step):
        cdef CallContext context
        cdef Run* run = &context.run
        cdef cnp.ndarray W_x = arrays[0], W_a = arrays[1], b = arrays[2], W_hr = arrays[3]
        cdef Py_ssize_t g, ignored
        self.calls, self.arrays, self.single_step = calls, arrays, single_step
        self.index, self.count, self.directions, self.reverse = index, count, directions, index % directions > 0
        if not take_dtype(calls, &context, W_x):
            raise TypeError("cyrnn: the weights of a layer are no plain arrays of float32 or float64")
        run.m = run.T = 1
        run.n_y = 0
        run.n_x, run.n_h, run.n_a = cnp.PyArray_DIM(W_x, 1), cnp.PyArray_DIM(W_a, 1), cnp.PyArray_DIM(b, 1)
        self.block_count = max(blocks) + 1
        if (not is_matrix(W_x, &context, self.block_count * run.n_a, run.n_x)
                or not is_matrix(W_a, &context, self.block_count * run.n_a, run.n_h)
                or not is_matrix(b, &context, calls.gates, run.n_a)
                or not (W_hr is None and run.n_h == run.n_a or is_matrix(W_hr, &context, run.n_h, run.n_a))):
            raise ValueError("cyrnn: the weights of a layer do not fit each other")
        require_sizes(calls, &context)
        for g in range(calls.gates):
            self.blocks[g] = blocks[g]
            take_matrix(&context, <PyObject*> W_x, &self.weights[g].Wx, &self.weights[g].Wx_row_stride,
                        &self.weights[g].Wx_col_stride)
            take_matrix(&context, <PyObject*> W_a, &self.weights[g].Wa, &self.weights[g].Wa_row_stride,
                        &self.weights[g].Wa_col_stride)
            take_matrix(&context, <PyObject*> b, &self.weights[g].b, &ignored, &self.weights[g].b_stride)
            self.weights[g].b = advance(self.weights[g].b, g * ignored, context.item)
            self.weights[g].Wx = advance(self.weights[g].Wx, self.blocks[g] * run.n_a * self.weights[g].Wx_row_stride,
                                         context.item)
            self.weights[g].Wa = advance(self.weights[g].Wa, self.blocks[g] * run.n_a * self.weights[g].Wa_row_stride,
                                         context.item)
        run.weights = self.weights
        self.panels = Panels()
        if W_hr is None:
            self.panels.fill(&context, calls, NULL, 0, 0)
        else:
            self.panels.fill(&context, calls, <const real*> data(W_hr), cnp.PyArray_STRIDE(W_hr, 0) // context.item,
                             cnp.PyArray_STRIDE(W_hr, 1) // context.item)

    def forward(self, x, hx=None, bint batch_first=False, Lengths lengths=None, reset=None, last=None, output=None,
                list records=None):
        """Return (output, states after the last step), of a cell (None, states); or None.

        x is (T, m, n_x), with `batch_first` (m, T, n_x), or without a batch (T, n_x); states are (count, m, n) or
        (count, n), of all sublayers of a model. A cell's x and states have no first axis. Where `reset` (m,), or of one
        sequence a bool, is true, the pass starts from zeros. `last`: the states that another sublayer of the model
        returned; this one's are written beside the others. `output`: what the other direction of the layer returned. To
        `records`, where they are given, what `backward` reads is appended; the output may then be a view of it.
        """
        return forward_sublayer(self, x, hx, batch_first, lengths, reset, last, output, records)

    def backward(self, SavedForward saved, d_output, d_state, d_initial=None):
        """Return (dx, gradients of the initial states, of the weights), from what `forward` kept; or None.

        Arrays as in `forward`; d_output and d_state may be None, for zeros, and so may one state of a pair.
        `d_initial`: what another sublayer returned, beside which this one's are written. Gradients of the weights:
        dW_x, dW_a as the sublayer was given them, db_x, db_a (blocks * n,) of the halves, dW_hr if there is one.
        """
        return backward_sublayer(self, saved, d_output, d_state, d_initial)
