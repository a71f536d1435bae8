"""A module's attributes: its functions as a capsule, and two that give the cells their counts before the first run."""

cdef Table functions
functions.lanes = LANES
functions.packed_size = packed_elements
functions.pack_gate = pack_gate
functions.pack_transposed_gate = pack_transposed_gate
functions.transpose_steps = transpose_steps
functions.weight_sizes = weight_sizes
functions.pack_weights = pack_weights
functions.pack_transposed_weights = pack_transposed_weights
functions.forward_packed = forward_packed
functions.head_packed = head_packed
functions.forward_unpacked = forward_unpacked
functions.stage_unpacked = stage_unpacked
functions.head_unpacked = head_unpacked
functions.backward = backward_steps
functions.initial_gradient = initial_gradient
functions.input_gradient = input_gradient
functions.multiply = multiply_rows
functions.sum_outer = sum_outer_of
functions.add_rows = add_rows_of
functions.add_products = add_products_of
functions.exp = exp_of
functions.tanh = tanh_of
functions.sigmoid = sigmoid_of
functions.softmax = softmax_of
table = PyCapsule_New(&functions, "cyrnn.kernels.table", NULL)

cell_numbers = {
    "rnn": 0, "lstm": 1, "gru": 2, "gru_after": 3, "rnn_relu": 4,
    "rnn_variant": 5, "lstm_variant": 6, "lstm_coupled": 7, "gru_variant": 8, "gru_after_variant": 9,
}


def define_cell(int cell, int stages, int kept, bint skips):
    """Fill in the counts of a cell: see registry.pxi.

    Raises
    ------
    ValueError
        If the cell has more stages than the kernels foresee, or others than its compiled formulas.
    """
    cdef int s
    for s in range(MAX_STAGES):
        if stages > MAX_STAGES or (s < stages) != (formulas[cell].stage[s].pointwise != NULL):
            raise ValueError("cyrnn: a cell has other stages than its compiled formulas")
    formulas[cell].stages, formulas[cell].kept, formulas[cell].skips = stages, kept, skips


def define_stage(int cell, int stage, int gates, int hidden, int input):
    """Fill in the counts of a stage of a cell whose own are there.

    Raises
    ------
    ValueError
        If the cell has more gates than the kernels foresee.
    """
    if gates_of(cell) + gates - formulas[cell].stage[stage].gates > MAX_GATES:
        raise ValueError("cyrnn: a cell has more gates than the kernels foresee")
    formulas[cell].stage[stage].gates, formulas[cell].stage[stage].hidden = gates, hidden
    formulas[cell].stage[stage].input = input
