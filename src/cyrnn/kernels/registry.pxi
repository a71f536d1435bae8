"""The compiled formulas of every cell, by its number at the kernels' face: all that kernels know of the cells."""

ctypedef void (*Pointwise)(const Block*) noexcept nogil
ctypedef void (*Derivative)(const Undo*) noexcept nogil

ctypedef struct Formulas:
    Py_ssize_t gates
    Pointwise pointwise
    Derivative derivative

cdef Formulas[2] formulas
formulas[0] = Formulas(1, rnn_pointwise, rnn_derivative)
formulas[1] = Formulas(4, lstm_pointwise, lstm_derivative)

cell_numbers = {"rnn": 0, "lstm": 1}


cdef inline Py_ssize_t gates_of(int cell) noexcept nogil:
    return formulas[cell].gates


cdef inline Pointwise pointwise_of(int cell) noexcept nogil:
    return formulas[cell].pointwise


cdef inline Derivative derivative_of(int cell) noexcept nogil:
    return formulas[cell].derivative
