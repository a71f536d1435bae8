"""The compiled formulas of every cell, by its number: all that kernels know of the cells.

A cell is one stage or two, each a matrix product of its gates, then pointwise. The first multiplies the hidden state,
the second the output of the first. Counts come from the `Cell`s of ../cells at import: see counts.pxi, cells/spec.py.
"""

cdef enum:
    MAX_STAGES = 2

cdef enum:                              # the cells' numbers, in the order of CELLS in ../cells/__init__.py
    RNN
    LSTM
    GRU
    GRU_AFTER
    RNN_RELU
    RNN_VARIANT
    LSTM_VARIANT
    LSTM_COUPLED
    GRU_VARIANT
    GRU_AFTER_VARIANT
    CELLS                               # how many there are

ctypedef void (*Pointwise)(const PointwiseArgs*) noexcept nogil
ctypedef void (*Derivative)(const PointwiseBackwardArgs*) noexcept nogil

ctypedef struct Stage:
    Py_ssize_t gates                    # each with a z of its own;
    Py_ssize_t hidden                   # so many, the first, have a recurrent half,
    Py_ssize_t input                    # so many, the last, an input half
    Pointwise pointwise
    Derivative derivative

ctypedef struct Formulas:
    Py_ssize_t stages
    Stage[MAX_STAGES] stage
    Py_ssize_t kept                     # gates that the cache keeps
    bint skips                          # whether the gradient of a reaches a_prev past the products, too

cdef Formulas[CELLS] formulas
formulas[RNN].stage[0].pointwise = rnn_pointwise
formulas[LSTM].stage[0].pointwise = lstm_pointwise
formulas[GRU].stage[0].pointwise = gru_gates_pointwise
formulas[GRU].stage[1].pointwise = gru_candidate_pointwise
formulas[GRU_AFTER].stage[0].pointwise = gru_after_pointwise
formulas[RNN_RELU].stage[0].pointwise = rnn_relu_pointwise
formulas[RNN_VARIANT].stage[0].pointwise = rnn_variant_pointwise
formulas[LSTM_VARIANT].stage[0].pointwise = lstm_variant_pointwise
formulas[LSTM_COUPLED].stage[0].pointwise = lstm_coupled_pointwise
formulas[GRU_VARIANT].stage[0].pointwise = gru_gates_variant
formulas[GRU_VARIANT].stage[1].pointwise = gru_candidate_variant
formulas[GRU_AFTER_VARIANT].stage[0].pointwise = gru_after_variant
if HAS_BACKWARD:                            # otherwise the compiler leaves all of these functions out
    formulas[RNN].stage[0].derivative = rnn_derivative
    formulas[LSTM].stage[0].derivative = lstm_derivative
    formulas[GRU].stage[0].derivative = gru_gates_derivative
    formulas[GRU].stage[1].derivative = gru_candidate_derivative
    formulas[GRU_AFTER].stage[0].derivative = gru_after_derivative
    formulas[RNN_RELU].stage[0].derivative = rnn_relu_derivative
    formulas[RNN_VARIANT].stage[0].derivative = rnn_variant_derivative
    formulas[LSTM_VARIANT].stage[0].derivative = lstm_variant_derivative
    formulas[LSTM_COUPLED].stage[0].derivative = lstm_coupled_derivative
    formulas[GRU_VARIANT].stage[0].derivative = gru_gates_variant_back
    formulas[GRU_VARIANT].stage[1].derivative = gru_candidate_variant_back
    formulas[GRU_AFTER_VARIANT].stage[0].derivative = gru_after_variant_back


#: a cell's name in ../cells -> its number
cell_numbers = {
    "rnn": RNN,
    "lstm": LSTM,
    "gru": GRU,
    "gru_after": GRU_AFTER,
    "rnn_relu": RNN_RELU,
    "rnn_variant": RNN_VARIANT,
    "lstm_variant": LSTM_VARIANT,
    "lstm_coupled": LSTM_COUPLED,
    "gru_variant": GRU_VARIANT,
    "gru_after_variant": GRU_AFTER_VARIANT,
}


cdef inline const Formulas* formulas_of(int cell) noexcept nogil:
    return &formulas[cell]


cdef inline Py_ssize_t gates_of(int cell) noexcept nogil:
    """Gates of all stages: G."""
    cdef Py_ssize_t s, gates = 0
    for s in range(formulas[cell].stages):
        gates += formulas[cell].stage[s].gates
    return gates


cdef inline Py_ssize_t recurrent_inputs(Py_ssize_t stage, Py_ssize_t n_h, Py_ssize_t n_a) noexcept nogil:
    """Elements of a row that W_a multiplies: the hidden state in the first stage, output of the first in the second."""
    return n_h if stage == 0 else n_a
