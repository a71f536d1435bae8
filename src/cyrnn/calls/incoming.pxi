"""Gradients that come in at a sublayer: at its output, of one direction, and at its states after the last step."""

cdef struct IncomingGradients:
    # gradients at the output of this direction and at the states after the last step; strides in bytes; NULL: zeros
    const char* output
    Py_ssize_t output_stride_t, output_stride_m, output_stride_k
    const char* states[MAX_STATES]
    Py_ssize_t state_stride_m[MAX_STATES]
    Py_ssize_t state_stride_k[MAX_STATES]


cdef bint take_incoming(Sublayer layer, SavedForward saved, const CallContext* context, object d_output, object d_state,
                        IncomingGradients* incoming) except -1:
    """Find the incoming gradients; NULL stands for zeros."""
    cdef const Layout* layout = &saved.layout
    cdef Py_ssize_t sizes[MAX_STATES]
    cdef PlainArray dy
    cdef int i
    incoming.output = NULL
    incoming.output_stride_t = incoming.output_stride_m = incoming.output_stride_k = 0
    if d_output is not None:
        if (not read_plain(<PyObject*> d_output, context.typenum, layout.nd, &dy)
                or dy.shape[layout.time] != saved.T
                or (layout.batch >= 0 and dy.shape[layout.batch] != saved.m)
                or dy.shape[layout.nd - 1] != layer.directions * saved.n_h):
            return False
        incoming.output_stride_k = dy.strides[layout.nd - 1]
        incoming.output_stride_t = dy.strides[layout.time]
        incoming.output_stride_m = dy.strides[layout.batch] if layout.batch >= 0 else 0
        incoming.output = dy.memory + layer.index % layer.directions * saved.n_h * incoming.output_stride_k
    sizes[0], sizes[1] = saved.n_h, saved.n_a
    for i in range(MAX_STATES):
        incoming.states[i] = NULL
    if d_state is None:
        return True
    if not is_states(d_state, layer.calls.states):
        return False
    for i in range(layer.calls.states):
        given = (<tuple> d_state)[i] if layer.calls.states > 1 else d_state
        if given is not None and not take_state(layer, context, layout, <PyObject*> given, sizes[i],
                                                &incoming.states[i], &incoming.state_stride_m[i],
                                                &incoming.state_stride_k[i]):
            return False
    return True


cdef void add_row(char* out, const char* row, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t item) noexcept nogil:
    """out (n,) += row (n,), whose elements are `stride` bytes apart."""
    cdef Py_ssize_t i
    for i in range(n):
        if item == 8:
            (<double*> (out + i * 8))[0] += (<const double*> (row + i * stride))[0]
        else:
            (<float*> (out + i * 4))[0] += (<const float*> (row + i * stride))[0]


cdef void gather_incoming(const IncomingGradients* incoming, const RowOrder* rows, Py_ssize_t n, Py_ssize_t item,
                          char* out) noexcept nogil:
    """out (T, m, n): the gradients at the hidden state of every step, the last one's among them."""
    cdef Py_ssize_t j, k, length
    if incoming.output == NULL:
        memset(out, 0, rows.T * rows.m * n * item)
    else:
        gather_rows(rows, incoming.output, incoming.output_stride_t, incoming.output_stride_m,
                    incoming.output_stride_k, n, item, out)
    if incoming.states[0] != NULL:
        for j in range(rows.m):
            k = sequence_of(rows, j)
            length = length_of(rows, k)
            if length > 0:
                add_row(out + ((length - 1) * rows.m + j) * n * item,
                        incoming.states[0] + k * incoming.state_stride_m[0], incoming.state_stride_k[0], n, item)
