"""One layer of nn in one direction, or nn's cell: its weights, its passes forward and backward."""

cdef object forward_sublayer(Sublayer layer, object x, object hx, bint batch_first, Lengths lengths, object reset,
                             object last, object output, list records, Resets resets):
    """Sublayer.forward."""
    cdef CallContext context
    cdef Run* run = &context.run
    cdef LayerRun w
    cdef Layout layout
    cdef void* workspace = NULL
    cdef void* of_resets = NULL
    cdef SavedForward saved
    if type(hx) is list:
        hx = tuple(<list> hx)                        # holds the arrays whose memory is read below
    if PyArray_CheckExact(x) and PyArray_ISINTEGER(<cnp.ndarray> x):
        x = plain_tokens(layer, <cnp.ndarray> x, lengths, batch_first)
    if not take_rows(layer, &context, x, batch_first, &layout):
        return None
    if lengths is not None and (lengths.T != run.T or lengths.m != run.m or layout.batch < 0):
        return None
    if resets is not None and (resets.T != run.T or resets.m != run.m or layer.single_step):
        return None
    require_sizes(layer.calls, &context)
    if resets is not None and not resets.any_set:
        resets = None
    if lengths is not None and lengths.total == run.T * run.m:         # whole sequences, in their own order
        lengths = None
    w.context = &context
    w.rows = row_order(lengths, run.T, run.m, layer.reverse)
    w.sizes[0], w.sizes[1], w.last[1] = run.n_h, run.n_a, NULL
    try:
        if not take_initial_rows(layer, &w, &layout, hx, reset, &workspace):
            return None
        if resets is not None:
            of_resets = reset_run(layer, &w, resets)
        if last is None:
            last = new_states(layer, &context, &layout, w.sizes)
        point_to_states(layer, &context, &layout, last, w.sizes, w.last)
        if records is not None:
            saved = record(layer, &w, &layout, (<Tokens> x).array if run.tokens else x, lengths, resets)
            records.append(saved)
            output = scatter_record(layer, &w, &layout, saved, output)
        elif layer.single_step:
            w.output = w.last[0]
            forward_in_place(layer, &w)
        else:
            output = take_output(layer, &w, &layout, output)
            if lengths is None and layer.directions == 1 and not layer.reverse and run.Whr == NULL:
                forward_in_place(layer, &w)
            else:
                forward_in_blocks(layer, &w)
    finally:
        free(workspace)
        free(of_resets)
    return output, last


cdef bint take_weights(Sublayer layer, CallContext* context, tuple blocks) except -1:
    """Read the arrays of a sublayer once, for its panels and for the backward pass; False where they do not fit."""
    cdef Run* run = &context.run
    cdef PlainArray W_x, W_a, b
    cdef GateWeights* gate
    cdef Py_ssize_t g
    if (not read_plain(<PyObject*> (<object> layer.arrays[0]), context.typenum, 2, &W_x)
            or not read_plain(<PyObject*> (<object> layer.arrays[1]), context.typenum, 2, &W_a)
            or not read_plain(<PyObject*> (<object> layer.arrays[2]), context.typenum, 2, &b)
            or b.shape[0] != layer.calls.gates or len(blocks) != layer.calls.gates):
        return False
    run.m = run.T = 1
    run.n_y = 0
    run.n_x, run.n_h, run.n_a = W_x.shape[1], W_a.shape[1], b.shape[1]
    for g in range(layer.calls.gates):
        layer.blocks[g] = blocks[g]
        layer.block_count = max(layer.block_count, layer.blocks[g] + 1)
        if layer.blocks[g] < 0 or layer.blocks[g] >= MAX_GATES:
            return False
    if W_x.shape[0] != layer.block_count * run.n_a or W_a.shape[0] != layer.block_count * run.n_a:
        return False
    layer.W_hr.memory = NULL
    if layer.arrays[3] is None:
        if run.n_h != run.n_a:
            return False
    elif not read_matrix(<PyObject*> (<object> layer.arrays[3]), context.typenum, run.n_h, run.n_a, &layer.W_hr):
        return False
    for g in range(layer.calls.gates):
        gate = &layer.weights[g]
        gate.Wx_row_stride, gate.Wx_col_stride = W_x.strides[0] // context.item, W_x.strides[1] // context.item
        gate.Wa_row_stride, gate.Wa_col_stride = W_a.strides[0] // context.item, W_a.strides[1] // context.item
        gate.b_stride = b.strides[1] // context.item
        gate.Wx = <const real*> (W_x.memory + layer.blocks[g] * run.n_a * W_x.strides[0])
        gate.Wa = <const real*> (W_a.memory + layer.blocks[g] * run.n_a * W_a.strides[0])
        gate.b = <const real*> (b.memory + g * b.strides[0])
    run.weights = layer.weights
    return True


cdef bint take_integers(Sublayer layer, CallContext* context, tuple blocks, IntegerSource* source) except -1:
    """Read matrices of integers, and b in float32, once, for the panels; False where they do not fit."""
    cdef Run* run = &context.run
    cdef PlainIntegers W_x, W_a, W_hr
    cdef PlainArray b
    cdef IntegerGate* gate
    cdef Py_ssize_t g, block, count = 0
    if (not read_integers(layer.arrays[0], -1, &W_x) or not read_integers(layer.arrays[1], W_x.values.shape[0], &W_a)
            or W_x.width != W_a.width or len(blocks) != layer.calls.gates
            or not read_plain(<PyObject*> (<object> layer.arrays[2]), cnp.NPY_FLOAT, 2, &b)
            or b.shape[0] != layer.calls.gates or not b.flags & cnp.NPY_ARRAY_C_CONTIGUOUS):
        return False
    run.m = run.T = 1
    run.n_y = 0
    run.n_x = source.n_x = W_x.values.shape[1]
    run.n_h = source.n_h = W_a.values.shape[1]
    run.n_a = source.n_a = b.shape[1]
    two_planes = in_two_planes(layer.arrays[0], layer.arrays[1], layer.arrays[3])
    source.width = SPLIT if two_planes else W_x.width
    source.x_levels, source.a_levels = levels(layer.arrays[0], two_planes), levels(layer.arrays[1], two_planes)
    source.Whr = NULL
    for g in range(layer.calls.gates):
        block = blocks[g]
        if block < 0 or block >= MAX_GATES:
            return False
        count = max(count, block + 1)
    if W_x.values.shape[0] != count * run.n_a:
        return False
    for g in range(layer.calls.gates):
        gate, block = &source.gates[g], <Py_ssize_t> blocks[g] * run.n_a
        take_half(&W_x, block, 0, &gate.Wx, &gate.Wx_row_stride, &gate.x_scale)
        take_half(&W_a, block, 0, &gate.Wa, &gate.Wa_row_stride, &gate.a_scale)
        gate.b = <const real*> (b.memory + g * run.n_a * context.item)
    if layer.arrays[3] is None:
        return run.n_h == run.n_a
    if (not read_integers(layer.arrays[3], run.n_h, &W_hr) or W_hr.width != W_x.width
            or W_hr.values.shape[1] != run.n_a):
        return False
    source.Whr, source.hr_scale, source.hr_levels = W_hr.values.memory, W_hr.scale, levels(layer.arrays[3], two_planes)
    return True


cdef bint take_variant(Sublayer layer, CallContext* context, object variant) except -1:
    """Read a Variant of ../cells/activations.py once; False where its peepholes do not fit."""
    cdef Variant* out = &layer.own_variant
    cdef PlainArray P
    cdef int which = 0
    if layer.calls.cell.stages_of is None:
        return False
    for activation in (variant.gate, variant.candidate, variant.output):
        take_activation(&out.gate if which == 0 else &out.candidate if which == 1 else &out.output, activation)
        which += 1
    out.clip = variant.clip
    layer.variant, layer.peepholes, out.peepholes = out, variant.peepholes, NULL
    if layer.peepholes is None:
        return True
    if (not read_plain(<PyObject*> layer.peepholes, context.typenum, 2, &P) or P.shape[0] != layer.calls.peepholes
            or P.shape[1] != context.run.n_a or not P.flags & cnp.NPY_ARRAY_C_CONTIGUOUS):
        return False
    out.peepholes = <const real*> P.memory
    return True


cdef int take_activation(Activation* out, object activation) except -1:
    out.kind, out.alpha, out.beta = activation.number, activation.alpha, activation.beta
    return 0


cdef class Sublayer:
    """One layer in one direction; its calls give None where the arguments are not plain arrays that fit."""

    cdef CellCalls calls
    cdef Panels panels
    cdef tuple arrays                    # W_x, W_a, b, W_hr: see CellCalls.sublayer; matrices may be Quantized
    cdef GateWeights weights[MAX_GATES]  # in these arrays, as they were when they were read
    cdef PlainArray W_hr                 # likewise, if there is a projection
    cdef int blocks[MAX_GATES]           # which block of rows of W_x and W_a each gate has
    cdef Py_ssize_t block_count
    cdef readonly Py_ssize_t index
    cdef Py_ssize_t count, directions
    cdef bint single_step, reverse
    cdef const Variant* variant          # NULL, or this one, whose peepholes are those of the array:
    cdef Variant own_variant
    cdef object peepholes                # (P, n_a), or None
    cdef cnp.ndarray token_b             # b of runs that read tokens, where it is another: tokens.pxi; else None

    def __cinit__(self, CellCalls calls not None, tuple arrays not None, tuple blocks not None, Py_ssize_t index,
                  Py_ssize_t count, Py_ssize_t directions, bint single_step, variant=None, reverse=None):
        cdef CallContext context
        cdef IntegerSource source
        cdef bint integers = type(arrays[0]) is Quantized
        begin(&context)
        self.calls, self.arrays, self.single_step = calls, arrays, single_step
        self.index, self.count, self.directions = index, count, directions
        context.typenum = cnp.NPY_FLOAT
        if not (take_typenum(calls, &context) if integers else take_dtype(calls, &context, arrays[0])):
            raise TypeError("cyrnn: the weights of a layer are no plain arrays of float32 or float64")
        if directions < 1 or not 0 <= index < count or not (
                take_integers(self, &context, blocks, &source) if integers else take_weights(self, &context, blocks)):
            raise ValueError("cyrnn: the weights of a layer do not fit each other")
        if arrays[3] is not None and (single_step or "a" in calls.cell.skip_gradients):
            raise ValueError("cyrnn: neither a cell of one step nor a GRU has a projection")
        if variant is not None and not take_variant(self, &context, variant):
            raise ValueError("cyrnn: the variant of a layer does not fit its cell")
        require_sizes(calls, &context)
        self.reverse = index % directions > 0 if reverse is None else reverse
        self.panels = Panels()
        if integers:
            fill_integers(self.panels, calls, &context, &source)
            return
        self.panels.fill(&context, calls, <const real*> self.W_hr.memory, self.W_hr.strides[0] // context.item,
                         self.W_hr.strides[1] // context.item)
        self.token_b = bias_of_tokens(calls, &context)

    @property
    def row_fmas(self):
        """Multiply-adds of one step of one sequence."""
        return self.panels.n_a * self.calls.gates * (self.panels.n_x + self.panels.n_h)

    @property
    def token_fmas(self):
        """The same, where x is tokens."""
        return self.panels.n_a * self.calls.gates * (1 + self.panels.n_h)

    def forward(self, x, hx=None, bint batch_first=False, Lengths lengths=None, reset=None, last=None, output=None,
                list records=None, Resets resets=None):
        """Return (output, states after the last step), of a cell (None, states); or None.

        x is (T, m, n_x), with `batch_first` (m, T, n_x), or without a batch (T, n_x). Or it is `Tokens` of n_x, which
        have all axes but the last, or whole numbers that can be nothing else. States are (count, m, n) or
        (count, n), of all sublayers of a model. A cell's x and states have no first axis. Where `reset` (m,), or of one
        sequence a bool, is true, the pass starts from zeros. `last`: the states that another sublayer of the model
        returned; this one's are written beside the others. `output`: what the other direction of the layer returned. To
        `records`, where they are given, what `backward` reads is appended; the output may then be a view of it.
        `resets`: before which steps sequences are reset.
        """
        return forward_sublayer(self, x, hx, batch_first, lengths, reset, last, output, records, resets)

    def backward(self, SavedForward saved not None, d_output, d_state, d_initial=None):
        """Return (dx, gradients of the initial states, of the weights), from what `forward` kept; or None.

        dx is None of tokens. Arrays as in `forward`; d_output and d_state may be None, for zeros, so may one of a pair.
        `d_initial`: what another sublayer returned, beside which this one's are written. Gradients of the weights:
        dW_x, dW_a as the sublayer was given them, db_x, db_a (blocks * n,) of the halves, dW_hr and dP if there are
        such. Integer weights have no backward pass.
        """
        if self.panels.weights is not None:
            raise TypeError("cyrnn: integer weights have no backward pass")
        return backward_sublayer(self, saved, d_output, d_state, d_initial)
