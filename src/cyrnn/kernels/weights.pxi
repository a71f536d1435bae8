"""The weights of a whole cell, stage by stage: packed, for the backward pass transposed."""

cdef void weight_sizes(int cell, Py_ssize_t n_x, Py_ssize_t n_h, Py_ssize_t n_a, Py_ssize_t* sizes) noexcept nogil:
    """Write the packed sizes of Wx, Wa, b, WxT and WaT, in elements: sizes (5,)."""
    cdef const Formulas* formulas_ = formulas_of(cell)
    cdef const Stage* stage
    cdef Py_ssize_t s, input = 0
    memset(sizes, 0, 5 * sizeof(Py_ssize_t))
    for s in range(formulas_.stages):
        stage = &formulas_.stage[s]
        sizes[0] += packed_elements(n_a, n_x, stage.input)
        sizes[1] += packed_elements(n_a, recurrent_inputs(s, n_h, n_a), stage.hidden)
        sizes[2] += packed_elements(n_a, 1, stage.gates)
        sizes[4] += packed_elements(recurrent_inputs(s, n_h, n_a), stage.hidden * n_a, 1)
        input += stage.input
    sizes[3] = packed_elements(n_x, input * n_a, 1)


cdef void pack_weights(int cell, Py_ssize_t n_x, Py_ssize_t n_h, Py_ssize_t n_a, const GateWeights* weights, real* Wx,
                       real* Wa, real* b) noexcept nogil:
    """Pack the weights (G,) of all gates, stage after stage."""
    cdef const Formulas* formulas_ = formulas_of(cell)
    cdef const Stage* stage
    cdef const GateWeights* W = weights
    cdef Matrix of_x[MAX_GATES]
    cdef Matrix of_a[MAX_GATES]
    cdef Matrix biases[MAX_GATES]
    cdef Py_ssize_t s, g, K, skipped
    for s in range(formulas_.stages):
        stage = &formulas_.stage[s]
        skipped, K = stage.gates - stage.input, recurrent_inputs(s, n_h, n_a)
        for g in range(stage.gates):
            if g >= skipped:
                of_x[g - skipped] = Matrix(W.Wx, W.Wx_row_stride, W.Wx_col_stride)
            if g < stage.hidden:
                of_a[g] = Matrix(W.Wa, W.Wa_row_stride, W.Wa_col_stride)
            biases[g] = Matrix(W.b, W.b_stride, 1)
            W += 1
        pack_matrices(of_x, stage.input, n_a, n_x, 0, n_x, Wx)
        pack_matrices(of_a, stage.hidden, n_a, K, 0, K, Wa)
        pack_matrices(biases, stage.gates, n_a, 1, 0, 1, b)
        Wx += packed_elements(n_a, n_x, stage.input)
        Wa += packed_elements(n_a, K, stage.hidden)
        b += packed_elements(n_a, 1, stage.gates)


cdef void pack_transposed_weights(int cell, Py_ssize_t n_x, Py_ssize_t n_h, Py_ssize_t n_a, const GateWeights* weights,
                                  real* WxT, real* WaT) noexcept nogil:
    """Pack W_x^T of all gates as one matrix (n_x, gates * n_a), W_a^T of each stage as one of its own."""
    cdef const Formulas* formulas_ = formulas_of(cell)
    cdef const Stage* stage
    cdef const GateWeights* W = weights
    cdef Py_ssize_t s, g, K, skipped, x = 0, input = 0
    for s in range(formulas_.stages):
        input += formulas_.stage[s].input
    for s in range(formulas_.stages):
        stage = &formulas_.stage[s]
        skipped, K = stage.gates - stage.input, recurrent_inputs(s, n_h, n_a)
        for g in range(stage.gates):
            if g >= skipped:
                pack_transposed_gate(W.Wx, W.Wx_row_stride, W.Wx_col_stride, n_a, n_x, x, input, WxT)
                x += 1
            if g < stage.hidden:
                pack_transposed_gate(W.Wa, W.Wa_row_stride, W.Wa_col_stride, n_a, K, g, stage.hidden, WaT)
            W += 1
        WaT += packed_elements(K, stage.hidden * n_a, 1)
