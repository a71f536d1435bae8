"""What a cell's pointwise function is given: `rows` rows of `n` neighbouring elements, strides in elements."""

ctypedef struct Block:
    Py_ssize_t rows, n
    const real* z            # pre-activations; each row may be read up to a whole vector past n
    Py_ssize_t z_row, z_gate
    const real* previous     # states before the step, and
    real* next               # after it
    Py_ssize_t row           # from row to row of states and gates
    Py_ssize_t previous_state, state       # from state to state
    real* gates              # values kept for the cache, or NULL
    Py_ssize_t gate          # from gate to gate


cdef inline vec get(const real* p, Py_ssize_t left) noexcept nogil:
    return load(p) if left >= LANES else load_part(p, left)


cdef inline void put(real* p, vec v, Py_ssize_t left) noexcept nogil:
    if left >= LANES:
        store(p, v)
    else:
        store_part(p, v, left)
