"""The long short-term memory cell, compiled: see lstm.py for the equations."""

cdef void lstm_pointwise(const Block* block) noexcept nogil:
    # z (gate, rows, n) in the order f, i, c, o; `previous` and `next` (state, rows, n): a, then c. Nothing aliases.
    cdef Py_ssize_t r, i, left, gate = block.gate_stride
    cdef const real* z
    cdef const real* c_prev
    cdef real* a_next
    cdef real* c_next
    cdef real* kept
    cdef vec ft, it, cct, ot, c
    for r in range(block.rows):
        z = block.z + r * block.z_row_stride
        c_prev = block.previous + block.previous_state_stride + r * block.row_stride
        a_next = block.next + r * block.row_stride
        c_next = a_next + block.state_stride
        i = 0
        while i < block.n:
            left = block.n - i
            ft = sigmoid_(load(z + i))
            it = sigmoid_(load(z + block.z_gate_stride + i))
            cct = tanh_(load(z + 2 * block.z_gate_stride + i))
            ot = sigmoid_(load(z + 3 * block.z_gate_stride + i))
            c = fma(ft, get(c_prev + i, left), it * cct)
            put(c_next + i, c, left)
            put(a_next + i, ot * tanh_(c), left)
            if block.gates != NULL:
                kept = block.gates + r * block.row_stride + i
                put(kept, ft, left)
                put(kept + gate, it, left)
                put(kept + 2 * gate, cct, left)
                put(kept + 3 * gate, ot, left)
            i += LANES


cdef void lstm_derivative(const Undo* undo) noexcept nogil:
    # dz (gate, rows, n) in the order f, i, c, o; `carried` (rows, n): dc
    cdef Py_ssize_t r, i, left, gate = undo.gate_stride, dz_gate = undo.dz_gate_stride
    cdef const real* kept
    cdef real* dz
    cdef real* carried
    cdef vec ft, it, cct, ot, tc, c_prev, da, dc
    for r in range(undo.rows):
        i = 0
        while i < undo.n:
            left = undo.n - i
            kept = undo.gates + r * undo.row_stride + i
            ft = get(kept, left)
            it = get(kept + gate, left)
            cct = get(kept + 2 * gate, left)
            ot = get(kept + 3 * gate, left)
            c_prev = get(undo.previous + undo.previous_state_stride + r * undo.row_stride + i, left)
            tc = tanh_(get(undo.next + undo.next_state_stride + r * undo.row_stride + i, left))
            da = load(undo.z + r * undo.z_row_stride + i) + get(undo.da + r * undo.da_row_stride + i, left)
            carried = undo.carried + r * undo.row_stride + i
            dz = undo.dz + r * undo.dz_row_stride + i
            dc = fma(da * ot, one_minus_square(tc), get(carried, left))           # a_next = ot * tanh(c_next)
            put(dz + 3 * dz_gate, da * tc * from_sigmoid(ot), left)               # ot = sigmoid(z_o)
            put(carried, dc * ft, left)                                           # c_next = ft * c_prev + it * cct
            put(dz, dc * c_prev * from_sigmoid(ft), left)                         # ft = sigmoid(z_f)
            put(dz + dz_gate, dc * cct * from_sigmoid(it), left)                  # it = sigmoid(z_i)
            put(dz + 2 * dz_gate, dc * it * one_minus_square(cct), left)          # cct = tanh(z_c)
            i += LANES
