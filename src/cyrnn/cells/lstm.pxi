"""The long short-term memory cell, compiled: see lstm.py for the equations."""

cdef void lstm_pointwise(const Block* block) noexcept nogil:
    # z (gate, rows, n) in the order f, i, c, o; `previous` and `next` (state, rows, n): a, then c. Nothing aliases.
    cdef Py_ssize_t r, i, left, gate = block.gate
    cdef const real* z
    cdef const real* c_prev
    cdef real* a_next
    cdef real* c_next
    cdef real* kept
    cdef vec ft, it, cct, ot, c
    for r in range(block.rows):
        z = block.z + r * block.z_row
        c_prev = block.previous + block.previous_state + r * block.row
        a_next = block.next + r * block.row
        c_next = a_next + block.state
        i = 0
        while i < block.n:
            left = block.n - i
            ft = sigmoid_(load(z + i))
            it = sigmoid_(load(z + block.z_gate + i))
            cct = tanh_(load(z + 2 * block.z_gate + i))
            ot = sigmoid_(load(z + 3 * block.z_gate + i))
            c = fma(ft, get(c_prev + i, left), it * cct)
            put(c_next + i, c, left)
            put(a_next + i, ot * tanh_(c), left)
            if block.gates != NULL:
                kept = block.gates + r * block.row + i
                put(kept, ft, left)
                put(kept + gate, it, left)
                put(kept + 2 * gate, cct, left)
                put(kept + 3 * gate, ot, left)
            i += LANES
