"""The gated recurrent unit, compiled: see gru.py for the equations."""

cdef inline vec blend(vec zt, vec a_prev, vec cct) noexcept nogil:
    return fma(zt, a_prev, (splat(1) - zt) * cct)


# ---- reset before the product: two stages -----------------------------------------------------------------------

cdef inline void gru_gates_forward(const PointwiseArgs* args, const Variant* variant) noexcept nogil:
    # z (gate, rows, n) in the order z, r; `next` (rows, n): inner; the gates are always kept, for the candidate
    cdef Py_ssize_t r = 0, i = 0, at, left
    cdef const real* z
    cdef real* kept
    cdef vec rt
    while r < args.rows:
        left = args.n - i
        at = r * args.row_stride + i
        z = args.z + r * args.z_row_stride + i
        kept = args.gates + at
        rt = gate_(variant, load(z + args.z_gate_stride))
        store_tail(kept, gate_(variant, load(z)), left)
        store_tail(kept + args.gate_stride, rt, left)
        store_tail(args.next + at, rt * load_tail(args.previous + at, left), left)
        to_next_vector(args.n, &r, &i)


cdef inline void gru_candidate_forward(const PointwiseArgs* args, const Variant* variant) noexcept nogil:
    # z (rows, n): one gate. `next` (rows, n): a_next
    cdef Py_ssize_t r, i, at, left
    cdef real* kept
    cdef vec cct
    for r in range(args.rows):
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            kept = args.gates + at
            cct = candidate_(variant, load(args.z + r * args.z_row_stride + i))
            store_tail(kept + 2 * args.gate_stride, cct, left)
            store_tail(args.next + at, blend(load_tail(kept, left), load_tail(args.previous + at, left), cct), left)
            i += LANES


cdef inline void gru_candidate_backward(const PointwiseBackwardArgs* args, const Variant* variant) noexcept nogil:
    # dz (rows, n): of c; `skip_gradient` (rows, n): of a_next past the products, then all of a_next's gradient
    cdef Py_ssize_t r, i, at, left
    cdef const real* d_next
    cdef const real* incoming
    cdef const real* kept
    cdef real* skip_gradient
    cdef real* dz
    cdef vec zt, cct, da
    for r in range(args.rows):
        d_next = args.d_next + r * args.d_next_row_stride
        incoming = args.da + r * args.da_row_stride
        dz = args.dz + r * args.dz_row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            kept = args.gates + at
            skip_gradient = args.skip_gradient + at
            zt = load_tail(kept, left)
            cct = load_tail(kept + 2 * args.gate_stride, left)
            da = load(d_next + i) + load_tail(skip_gradient, left) + load_tail(incoming + i, left)
            store_tail(skip_gradient, da, left)
            store_tail(dz + i, da * (splat(1) - zt) * from_candidate(variant, cct), left)  # cct = tanh(z_c)
            i += LANES


cdef inline void gru_gates_backward(const PointwiseBackwardArgs* args, const Variant* variant) noexcept nogil:
    # dz (gate, rows, n) in the order z, r; `skip_gradient` (rows, n): of a_next, then of a_prev past the products
    cdef Py_ssize_t r, i, at, left
    cdef const real* d_next
    cdef const real* kept
    cdef real* skip_gradient
    cdef real* dz
    cdef vec zt, rt, cct, a_prev, d_inner, da
    for r in range(args.rows):
        d_next = args.d_next + r * args.d_next_row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            kept = args.gates + at
            skip_gradient = args.skip_gradient + at
            dz = args.dz + r * args.dz_row_stride + i
            zt = load_tail(kept, left)
            rt = load_tail(kept + args.gate_stride, left)
            cct = load_tail(kept + 2 * args.gate_stride, left)
            a_prev = load_tail(args.previous + at, left)
            d_inner = load(d_next + i)
            da = load_tail(skip_gradient, left)
            store_tail(dz, da * (a_prev - cct) * from_gate(variant, zt), left)  # zt = sigmoid(z_z)
            store_tail(dz + args.dz_gate_stride, d_inner * a_prev * from_gate(variant, rt), left)  # rt = sigmoid(z_r)
            store_tail(skip_gradient, fma(da, zt, d_inner * rt), left)
            store_tail(args.inner + at, rt * a_prev, left)
            i += LANES


# ---- reset after the product ------------------------------------------------------------------------------------

cdef inline void gru_after_forward(const PointwiseArgs* args, const Variant* variant) noexcept nogil:
    # z (gate, rows, n) in the order inner, z, r, c. Two loops, as in lstm_pointwise
    cdef Py_ssize_t r = 0, i = 0, at, left, z_gate_stride = args.z_gate_stride, gate = args.gate_stride
    cdef real* z
    cdef vec zt, rt, cct
    while r < args.rows:
        left = args.n - i
        at = r * args.row_stride + i
        z = args.z + r * args.z_row_stride + i
        rt = gate_(variant, load(z + 2 * z_gate_stride))
        store(z, fma(rt, load(z), load(z + 3 * z_gate_stride)))
        if args.gates != NULL:
            store_tail(args.gates + gate + at, rt, left)
        to_next_vector(args.n, &r, &i)
    r = i = 0
    while r < args.rows:
        left = args.n - i
        at = r * args.row_stride + i
        z = args.z + r * args.z_row_stride + i
        zt = gate_(variant, load(z + z_gate_stride))
        cct = candidate_(variant, load(z))
        store_tail(args.next + at, blend(zt, load_tail(args.previous + at, left), cct), left)
        if args.gates != NULL:
            store_tail(args.gates + at, zt, left)
            store_tail(args.gates + 2 * gate + at, cct, left)
        to_next_vector(args.n, &r, &i)


cdef inline void gru_after_backward(const PointwiseBackwardArgs* args, const Variant* variant) noexcept nogil:
    # dz (gate, rows, n) in the order inner, z, r, c; `skip_gradient` (rows, n): of a_next, then a_prev, past products
    cdef Py_ssize_t r, i, at, left
    cdef const real* d_next
    cdef const real* incoming
    cdef const real* kept
    cdef real* skip_gradient
    cdef real* dz
    cdef vec zt, rt, cct, inner, a_prev, da, dz_c
    for r in range(args.rows):
        d_next = args.d_next + r * args.d_next_row_stride
        incoming = args.da + r * args.da_row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            kept = args.gates + at
            skip_gradient = args.skip_gradient + at
            dz = args.dz + r * args.dz_row_stride + i
            zt = load_tail(kept, left)
            rt = load_tail(kept + args.gate_stride, left)
            cct = load_tail(kept + 2 * args.gate_stride, left)
            inner = load_tail(args.inner + at, left)
            a_prev = load_tail(args.previous + at, left)
            da = load(d_next + i) + load_tail(skip_gradient, left) + load_tail(incoming + i, left)
            dz_c = da * (splat(1) - zt) * from_candidate(variant, cct)  # cct = tanh(z_c)
            # zt = sigmoid(z_z)
            store_tail(dz + args.dz_gate_stride, da * (a_prev - cct) * from_gate(variant, zt), left)
            store_tail(dz + 2 * args.dz_gate_stride, dz_c * inner * from_gate(variant, rt), left)  # rt = sigmoid(z_r)
            store_tail(dz + 3 * args.dz_gate_stride, dz_c, left)
            store_tail(dz, dz_c * rt, left)
            store_tail(skip_gradient, da * zt, left)
            i += LANES


# ---- as the registry has them: the plain forms, and the variants -------------------------------------------------

cdef void gru_gates_pointwise(const PointwiseArgs* args) noexcept nogil:
    gru_gates_forward(args, NULL)


cdef void gru_gates_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    gru_gates_backward(args, NULL)


cdef void gru_candidate_pointwise(const PointwiseArgs* args) noexcept nogil:
    gru_candidate_forward(args, NULL)


cdef void gru_candidate_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    gru_candidate_backward(args, NULL)


cdef void gru_after_pointwise(const PointwiseArgs* args) noexcept nogil:
    gru_after_forward(args, NULL)


cdef void gru_after_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    gru_after_backward(args, NULL)


cdef void gru_gates_variant(const PointwiseArgs* args) noexcept nogil:
    gru_gates_forward(args, variant_of(args.variant))


cdef void gru_gates_variant_back(const PointwiseBackwardArgs* args) noexcept nogil:
    gru_gates_backward(args, variant_of(args.variant))


cdef void gru_candidate_variant(const PointwiseArgs* args) noexcept nogil:
    gru_candidate_forward(args, variant_of(args.variant))


cdef void gru_candidate_variant_back(const PointwiseBackwardArgs* args) noexcept nogil:
    gru_candidate_backward(args, variant_of(args.variant))


cdef void gru_after_variant(const PointwiseArgs* args) noexcept nogil:
    gru_after_forward(args, variant_of(args.variant))


cdef void gru_after_variant_back(const PointwiseBackwardArgs* args) noexcept nogil:
    gru_after_backward(args, variant_of(args.variant))
