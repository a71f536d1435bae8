"""What run.h declares, as Cython sees it.

`real` is the dtype that a kernel module is compiled for, and void in a module that serves both.
"""
cdef extern from "run.h" nogil:
    ctypedef double real

    enum: RNN
    enum: LSTM
    enum: MOST_GATES

    ctypedef struct GateWeights:
        const real* Wx
        const real* Wa
        const real* b
        Py_ssize_t Wx_row
        Py_ssize_t Wx_col
        Py_ssize_t Wa_row
        Py_ssize_t Wa_col
        Py_ssize_t b_row

    ctypedef struct Run:
        int cell
        Py_ssize_t n_x
        Py_ssize_t n_a
        Py_ssize_t m
        Py_ssize_t T
        const real* x
        Py_ssize_t x_t
        Py_ssize_t x_m
        Py_ssize_t x_k
        const real* Wx
        const real* Wa
        const real* b
        const GateWeights* weights
        real* states
        real* gates
