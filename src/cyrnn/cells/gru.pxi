"""The gated recurrent unit, compiled: see gru.py for the equations."""

cdef inline vec blend(vec zt, vec a_prev, vec cct) noexcept nogil:
    return fma(zt, a_prev, (splat(1) - zt) * cct)


# ---- reset before the product: two stages -----------------------------------------------------------------------

cdef void gru_gates_pointwise(const Block* block) noexcept nogil:
    # z (gate, rows, n) in the order z, r; `next` (rows, n): inner; the gates are always kept, for the candidate
    cdef Py_ssize_t r, i, left
    cdef const real* z
    cdef real* kept
    cdef vec rt
    for r in range(block.rows):
        z = block.z + r * block.z_row_stride
        i = 0
        while i < block.n:
            left = block.n - i
            kept = block.gates + r * block.row_stride + i
            rt = sigmoid_(load(z + block.z_gate_stride + i))
            put(kept, sigmoid_(load(z + i)), left)
            put(kept + block.gate_stride, rt, left)
            put(block.next + r * block.row_stride + i, rt * get(block.previous + r * block.row_stride + i, left), left)
            i += LANES


cdef void gru_candidate_pointwise(const Block* block) noexcept nogil:
    # z (rows, n): one gate. `next` (rows, n): a_next
    cdef Py_ssize_t r, i, left
    cdef real* kept
    cdef vec cct
    for r in range(block.rows):
        i = 0
        while i < block.n:
            left = block.n - i
            kept = block.gates + r * block.row_stride + i
            cct = tanh_(load(block.z + r * block.z_row_stride + i))
            put(kept + 2 * block.gate_stride, cct, left)
            put(block.next + r * block.row_stride + i,
                blend(get(kept, left), get(block.previous + r * block.row_stride + i, left), cct), left)
            i += LANES


cdef void gru_candidate_derivative(const Undo* undo) noexcept nogil:
    # dz (rows, n): of c; `carried` (rows, n): what reaches a_prev past the products, then da_next
    cdef Py_ssize_t r, i, left
    cdef const real* kept
    cdef real* carried
    cdef vec zt, cct, da
    for r in range(undo.rows):
        i = 0
        while i < undo.n:
            left = undo.n - i
            kept = undo.gates + r * undo.row_stride + i
            carried = undo.carried + r * undo.row_stride + i
            zt = get(kept, left)
            cct = get(kept + 2 * undo.gate_stride, left)
            da = load(undo.z + r * undo.z_row_stride + i) + get(carried, left) + get(undo.da + r * undo.da_row_stride + i, left)
            put(carried, da, left)
            put(undo.dz + r * undo.dz_row_stride + i, da * (splat(1) - zt) * one_minus_square(cct), left)  # cct = tanh(z_c)
            i += LANES


cdef void gru_gates_derivative(const Undo* undo) noexcept nogil:
    # dz (gate, rows, n) in the order z, r; `carried` (rows, n): da_next, then what reaches a_prev past the products
    cdef Py_ssize_t r, i, left
    cdef const real* kept
    cdef real* carried
    cdef real* dz
    cdef vec zt, rt, cct, a_prev, d_inner, da
    for r in range(undo.rows):
        i = 0
        while i < undo.n:
            left = undo.n - i
            kept = undo.gates + r * undo.row_stride + i
            carried = undo.carried + r * undo.row_stride + i
            dz = undo.dz + r * undo.dz_row_stride + i
            zt = get(kept, left)
            rt = get(kept + undo.gate_stride, left)
            cct = get(kept + 2 * undo.gate_stride, left)
            a_prev = get(undo.previous + r * undo.row_stride + i, left)
            d_inner = load(undo.z + r * undo.z_row_stride + i)
            da = get(carried, left)
            put(dz, da * (a_prev - cct) * from_sigmoid(zt), left)                 # zt = sigmoid(z_z)
            put(dz + undo.dz_gate_stride, d_inner * a_prev * from_sigmoid(rt), left)     # rt = sigmoid(z_r)
            put(carried, fma(da, zt, d_inner * rt), left)
            put(undo.inner + r * undo.row_stride + i, rt * a_prev, left)
            i += LANES


# ---- reset after the product ------------------------------------------------------------------------------------

cdef void gru_after_pointwise(const Block* block) noexcept nogil:
    # z (gate, rows, n) in the order inner, z, r, c
    cdef Py_ssize_t r, i, left
    cdef const real* z
    cdef real* kept
    cdef vec zt, rt, cct
    for r in range(block.rows):
        z = block.z + r * block.z_row_stride
        i = 0
        while i < block.n:
            left = block.n - i
            zt = sigmoid_(load(z + block.z_gate_stride + i))
            rt = sigmoid_(load(z + 2 * block.z_gate_stride + i))
            cct = tanh_(fma(rt, load(z + i), load(z + 3 * block.z_gate_stride + i)))
            put(block.next + r * block.row_stride + i, blend(zt, get(block.previous + r * block.row_stride + i, left), cct), left)
            if block.gates != NULL:
                kept = block.gates + r * block.row_stride + i
                put(kept, zt, left)
                put(kept + block.gate_stride, rt, left)
                put(kept + 2 * block.gate_stride, cct, left)
            i += LANES


cdef void gru_after_derivative(const Undo* undo) noexcept nogil:
    # dz (gate, rows, n) in the order inner, z, r, c; `carried` (rows, n): what reaches a_prev past the products
    cdef Py_ssize_t r, i, left
    cdef const real* kept
    cdef real* carried
    cdef real* dz
    cdef vec zt, rt, cct, inner, a_prev, da, dz_c
    for r in range(undo.rows):
        i = 0
        while i < undo.n:
            left = undo.n - i
            kept = undo.gates + r * undo.row_stride + i
            carried = undo.carried + r * undo.row_stride + i
            dz = undo.dz + r * undo.dz_row_stride + i
            zt = get(kept, left)
            rt = get(kept + undo.gate_stride, left)
            cct = get(kept + 2 * undo.gate_stride, left)
            inner = get(undo.inner + r * undo.row_stride + i, left)
            a_prev = get(undo.previous + r * undo.row_stride + i, left)
            da = load(undo.z + r * undo.z_row_stride + i) + get(carried, left) + get(undo.da + r * undo.da_row_stride + i, left)
            dz_c = da * (splat(1) - zt) * one_minus_square(cct)                   # cct = tanh(z_c)
            put(dz + undo.dz_gate_stride, da * (a_prev - cct) * from_sigmoid(zt), left)  # zt = sigmoid(z_z)
            put(dz + 2 * undo.dz_gate_stride, dz_c * inner * from_sigmoid(rt), left)     # rt = sigmoid(z_r)
            put(dz + 3 * undo.dz_gate_stride, dz_c, left)
            put(dz, dz_c * rt, left)
            put(carried, da * zt, left)
            i += LANES
