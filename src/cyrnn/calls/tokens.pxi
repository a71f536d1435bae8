"""Tokens: whole numbers in the place of x, each for a row that is 1 at its place and 0 everywhere else.

Forward, a kernel adds one column of W_x to b (../kernels/tokens.pxi). Backward, dW_x is a scatter of dz, and x has no
gradient. The numbers are read once, checked, and copied to elements as wide as those of the layer: so x is rows
(T, m, 1) to whatever moves it.

Zeros. Of the row in full each other weight w adds w * 0, a zero of the sign of w. That changes -0 alone, and z can be
-0 only where b is: then z of the row in full is +0, unless all weights of the unit have a sign. `bias_of_tokens` writes
+0 in the place of such a b.
"""

cdef class Tokens:
    """Checked tokens of one call, each below n_x. Never changed."""

    cdef cnp.ndarray array               # contiguous, without gaps; zeros where a sequence has ended
    cdef int axes, typenum
    cdef Py_ssize_t n_x, item            # item: bytes of an element

    @property
    def shape(self):
        return None if self.array is None else (<object> self.array).shape


cpdef Tokens tokens(given, Py_ssize_t n_x, Py_ssize_t item, Lengths lengths=None, bint batch_first=False):
    """Return Tokens for a layer of n_x inputs whose elements have so many bytes, from an array of up to two axes.

    None where the array is not one of whole numbers from 0 to n_x - 1. `lengths`: of a ragged batch (T, m), or with
    `batch_first` (m, T); what is past the end of a sequence is not looked at.
    """
    cdef Tokens out
    cdef Positions at
    cdef cnp.ndarray copied = copy_indices(given)
    cdef const cnp.int64_t* found
    cdef char* to
    cdef Py_ssize_t i, position
    if copied is None or (item != 4 and item != 8):
        return None
    if item == 4 and n_x > <Py_ssize_t> 1 << 31:
        raise MemoryError("cyrnn: no memory for so many tokens")
    out = Tokens()
    out.axes, out.n_x, out.item = cnp.PyArray_NDIM(copied), n_x, item
    out.typenum = cnp.NPY_INT32 if item == 4 else cnp.NPY_INT64
    if not take_positions(&at, out.axes, cnp.PyArray_DIMS(copied), lengths, batch_first):
        return None
    try:
        out.array = PyArray_ZEROS(out.axes, cnp.PyArray_DIMS(copied), out.typenum, 0)
        found, to = <const cnp.int64_t*> data(copied), <char*> data(out.array)
        for i in range(at.count):
            position = position_of(&at, i)
            if not 0 <= found[position] < n_x:
                return None
            if item == 4:
                (<cnp.int32_t*> to)[position] = <cnp.int32_t> found[position]
            else:
                (<cnp.int64_t*> to)[position] = found[position]
    finally:
        free(at.index)
    return out


cdef inline double element(const void* p, Py_ssize_t index, Py_ssize_t item) noexcept nogil:
    return (<const double*> p)[index] if item == 8 else (<const float*> p)[index]


cdef bint all_signed(const GateWeights* W, Py_ssize_t unit, Py_ssize_t n_x, Py_ssize_t item) noexcept nogil:
    """Whether all weights of a unit are below zero, or -0."""
    cdef Py_ssize_t k
    for k in range(n_x):
        if not signbit(element(W.Wx, unit * W.Wx_row_stride + k * W.Wx_col_stride, item)):
            return False
    return True


cdef cnp.ndarray bias_of_tokens(CellCalls calls, const CallContext* context):
    """b as runs of tokens read it, packed, with CACHE_LINE_BYTES to spare; None where it is that of all runs."""
    cdef const Run* run = &context.run
    cdef const GateWeights* W
    cdef Py_ssize_t item = context.item, n = run.n_a, g, s, unit, index, gates
    cdef cnp.npy_intp size = calls.gates * n
    cdef cnp.ndarray b, packed
    cdef Environment environment
    cdef bint is_other = False
    cdef double value
    cdef char* to
    environment = enter_environment()
    try:
        b = PyArray_ZEROS(1, &size, context.typenum, 0)
        for g in range(calls.gates):
            W = &run.weights[g]
            for unit in range(n):
                value = element(W.b, unit * W.b_stride, item)
                if calls.has_x[g] and value == 0 and signbit(value) and not all_signed(W, unit, run.n_x, item):
                    is_other = True                    # +0 stays there
                elif item == 8:
                    (<double*> data(b))[g * n + unit] = value
                else:
                    (<float*> data(b))[g * n + unit] = <float> value
        if not is_other:
            return None
        size = calls.gates * context.table.packed_size(n, 1, 1) + 4 * MAX_LANES + 2 * CACHE_LINE_BYTES
        packed = PyArray_ZEROS(1, &size, context.typenum, 0)
        to, g = aligned(<char*> data(packed)), 0
        for s in range(calls.stages):
            gates = 0
            while g + gates < calls.gates and calls.stage[g + gates] == s:
                gates += 1
            for index in range(gates):
                context.table.pack_gate(<const real*> (data(b) + (g + index) * n * item), 1, 1, n, 1, index, gates,
                                        <real*> to)
            to += context.table.packed_size(n, 1, gates) * item
            g += gates
    finally:
        leave_environment(environment)
    return packed


# ---- backward --------------------------------------------------------------------------------------------------------

cdef struct TokenGradients:
    # where dW_x of every gate goes, and from which rows; the strides of x in elements, that of dW_x in bytes
    const Backward* w
    char* dWx[MAX_GATES]
    Py_ssize_t row_stride
    const real* x
    Py_ssize_t x_stride_t, x_stride_m
    SortedPositions by_token             # of the rows of a group of sums,
    Py_ssize_t first_row                 # which starts here


cdef void take_token_gradients(Backward* w, TokenGradients* tokens) noexcept:
    """Take dW_x away from the products."""
    cdef Py_ssize_t g
    tokens.w = w
    for g in range(w.context.gates):
        tokens.dWx[g], tokens.row_stride = w.out[g].dWx, w.out[g].dWx_row_stride
        w.out[g].dWx = NULL


cdef int tokens_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """The sums of some units, in every gate."""
    cdef const TokenGradients* tokens = <const TokenGradients*> given
    cdef const CallContext* context = tokens.w.context
    cdef Py_ssize_t n = context.run.n_a, item = context.item, g
    cdef TokenSum sum
    sum.units = last - first
    sum.left_row_stride, sum.out_row_stride = context.gates * n, tokens.row_stride // item
    sum.kinds, sum.tokens, sum.ends = tokens.by_token.kinds, tokens.by_token.keys, tokens.by_token.ends
    sum.rows = tokens.by_token.positions
    for g in range(context.gates):
        if tokens.dWx[g] != NULL:
            sum.left = advance(tokens.w.dz, tokens.first_row * sum.left_row_stride + g * n + first, item)
            sum.out = <real*> (tokens.dWx[g] + first * tokens.row_stride)
            context.table.add_tokens(&sum)
            if worked(context.table, <double> sum.units * sum.ends[sum.kinds - 1] * COPY_COST_FMAS, progress):
                return STOPPED
    return DONE


cdef int sum_tokens(Backward* w, TokenGradients* tokens, const RowOrder* rows, Py_ssize_t n_x) except -1:
    """dW_x: a group of rows after the other, each sorted by its tokens. It holds zeros until then."""
    cdef cnp.npy_intp count = w.rows
    cdef Py_ssize_t item = w.context.item, t, j, i = 0, x
    cdef cnp.ndarray keys = PyArray_EMPTY(1, &count, cnp.NPY_INT64, 0)
    cdef cnp.int64_t* key = <cnp.int64_t*> data(keys)
    cdef Py_ssize_t* work
    cdef Positions at
    for t in range(rows.T):
        for j in range(batch_size(rows, t)):
            x = t * tokens.x_stride_t + j * tokens.x_stride_m
            key[i] = (<const cnp.int64_t*> tokens.x)[x] if item == 8 else (<const cnp.int32_t*> tokens.x)[x]
            i += 1
    at.outer = at.inner = 1
    at.index, tokens.first_row = NULL, 0
    while tokens.first_row < count:
        at.count = min(<Py_ssize_t> GROUP_ROWS, count - tokens.first_row)
        work = sort_positions(&at, key + tokens.first_row, n_x, -1, &tokens.by_token)
        try:
            parallel_for(tokens_range, tokens, w.context.run.n_a,
                         <double> at.count * w.context.gates * w.context.run.n_a * COPY_COST_FMAS)
        finally:
            free(work)
        tokens.first_row += at.count
    return 0
