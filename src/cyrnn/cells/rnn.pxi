"""The plain recurrent cell, compiled: see rnn.py for the equations."""

cdef void rnn_pointwise(const Block* block) noexcept nogil:
    # z (rows, n): one gate. `next` (rows, n): a_next. Nothing aliases.
    cdef Py_ssize_t r, i, left
    cdef const real* z
    cdef real* a_next
    for r in range(block.rows):
        z = block.z + r * block.z_row_stride
        a_next = block.next + r * block.row_stride
        i = 0
        while i < block.n:
            left = block.n - i
            put(a_next + i, tanh_(load(z + i)), left)
            i += LANES


cdef void rnn_derivative(const Undo* undo) noexcept nogil:
    cdef Py_ssize_t r, i, left
    cdef vec a, da
    for r in range(undo.rows):
        i = 0
        while i < undo.n:
            left = undo.n - i
            a = get(undo.next + r * undo.row_stride + i, left)
            da = load(undo.z + r * undo.z_row_stride + i) + get(undo.da + r * undo.da_row_stride + i, left)
            put(undo.dz + r * undo.dz_row_stride + i, da * one_minus_square(a), left)                  # a_next = tanh(z)
            i += LANES


cdef void rnn_relu_pointwise(const Block* block) noexcept nogil:
    cdef Py_ssize_t r, i
    cdef const real* z
    cdef vec z_a
    for r in range(block.rows):
        z = block.z + r * block.z_row_stride
        i = 0
        while i < block.n:
            z_a = load(z + i)
            put(block.next + r * block.row_stride + i, pick(less(z_a, splat(0)), splat(0), z_a), block.n - i)  # nan stays
            i += LANES


cdef void rnn_relu_derivative(const Undo* undo) noexcept nogil:
    cdef Py_ssize_t r, i, left
    cdef vec a, da
    for r in range(undo.rows):
        i = 0
        while i < undo.n:
            left = undo.n - i
            a = get(undo.next + r * undo.row_stride + i, left)
            da = load(undo.z + r * undo.z_row_stride + i) + get(undo.da + r * undo.da_row_stride + i, left)
            put(undo.dz + r * undo.dz_row_stride + i, pick(less(splat(0), a), da, splat(0)), left)     # a_next = max(z, 0)
            i += LANES
