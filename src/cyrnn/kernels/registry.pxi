"""The compiled formulas of every cell, by its number at the kernels' face: all that kernels know of the cells.

A cell is one stage or two, each a matrix product of its gates, then pointwise. The second multiplies what the first
hands on, where the first multiplies a_prev. See ../cells/spec.py.
"""

cdef enum:
    MAX_STAGES = 2

ctypedef void (*Pointwise)(const PointwiseArgs*) noexcept nogil
ctypedef void (*Derivative)(const PointwiseBackwardArgs*) noexcept nogil

ctypedef struct Stage:
    Py_ssize_t gates                    # each with a z of its own, of which
    Py_ssize_t hidden                   # the first so many have a recurrent half
    Py_ssize_t input                    # and the last so many an input half
    Pointwise pointwise
    Derivative derivative

ctypedef struct Formulas:
    Py_ssize_t stages
    Stage[MAX_STAGES] stage
    Py_ssize_t kept                     # gates that the cache keeps
    bint skips                        # whether the gradient of a reaches a_prev past the products, too

cdef Formulas[5] formulas
formulas[0].stages, formulas[0].kept, formulas[0].skips = 1, 0, False
formulas[0].stage[0] = Stage(1, 1, 1, rnn_pointwise, rnn_derivative)
formulas[1].stages, formulas[1].kept, formulas[1].skips = 1, 4, False
formulas[1].stage[0] = Stage(4, 4, 4, lstm_pointwise, lstm_derivative)
formulas[2].stages, formulas[2].kept, formulas[2].skips = 2, 3, True
formulas[2].stage[0] = Stage(2, 2, 2, gru_gates_pointwise, gru_gates_derivative)
formulas[2].stage[1] = Stage(1, 1, 1, gru_candidate_pointwise, gru_candidate_derivative)
formulas[3].stages, formulas[3].kept, formulas[3].skips = 1, 3, True
formulas[3].stage[0] = Stage(4, 3, 3, gru_after_pointwise, gru_after_derivative)
formulas[4].stages, formulas[4].kept, formulas[4].skips = 1, 0, False
formulas[4].stage[0] = Stage(1, 1, 1, rnn_relu_pointwise, rnn_relu_derivative)

cell_numbers = {"rnn": 0, "lstm": 1, "gru": 2, "gru_after": 3, "rnn_relu": 4}


cdef inline const Formulas* formulas_of(int cell) noexcept nogil:
    return &formulas[cell]


cdef inline Py_ssize_t gates_of(int cell) noexcept nogil:
    """Those of all stages: G."""
    cdef Py_ssize_t s, gates = 0
    for s in range(formulas[cell].stages):
        gates += formulas[cell].stage[s].gates
    return gates
