"""The long short-term memory cell, compiled: see lstm.py for the equations."""

cdef void lstm_pointwise(const PointwiseArgs* args) noexcept nogil:
    # z (gate, rows, n) in the order f, i, c, o; `previous` and `next` (state, rows, n): a, then c. Nothing aliases.
    cdef Py_ssize_t r, i, at, left, gate = args.gate_stride
    cdef const real* z
    cdef const real* c_prev
    cdef real* a_next
    cdef real* c_next
    cdef real* kept
    cdef vec ft, it, cct, ot, c
    for r in range(args.rows):
        z = args.z + r * args.z_row_stride
        c_prev = args.previous + args.previous_state_stride + r * args.row_stride
        a_next = args.next + r * args.row_stride
        c_next = a_next + args.state_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            ft = sigmoid_(load(z + i))
            it = sigmoid_(load(z + args.z_gate_stride + i))
            cct = tanh_(load(z + 2 * args.z_gate_stride + i))
            ot = sigmoid_(load(z + 3 * args.z_gate_stride + i))
            c = fma(ft, load_tail(c_prev + i, left), it * cct)
            store_tail(c_next + i, c, left)
            store_tail(a_next + i, ot * tanh_(c), left)
            if args.gates != NULL:
                kept = args.gates + at
                store_tail(kept, ft, left)
                store_tail(kept + gate, it, left)
                store_tail(kept + 2 * gate, cct, left)
                store_tail(kept + 3 * gate, ot, left)
            i += LANES


cdef void lstm_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    # dz (gate, rows, n) in the order f, i, c, o; `skip_gradient` (rows, n): dc_next, then dc_prev
    cdef Py_ssize_t r, i, at, left, gate = args.gate_stride, dz_gate = args.dz_gate_stride
    cdef const real* d_next
    cdef const real* incoming
    cdef const real* kept
    cdef real* dz
    cdef real* skip_gradient
    cdef vec ft, it, cct, ot, tc, c_prev, da, dc
    for r in range(args.rows):
        d_next = args.d_next + r * args.d_next_row_stride
        incoming = args.da + r * args.da_row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            kept = args.gates + at
            ft = load_tail(kept, left)
            it = load_tail(kept + gate, left)
            cct = load_tail(kept + 2 * gate, left)
            ot = load_tail(kept + 3 * gate, left)
            c_prev = load_tail(args.previous + args.previous_state_stride + at, left)
            tc = tanh_(load_tail(args.next + args.next_state_stride + at, left))
            da = load(d_next + i) + load_tail(incoming + i, left)
            skip_gradient = args.skip_gradient + at
            dz = args.dz + r * args.dz_row_stride + i
            dc = fma(da * ot, one_minus_square(tc), load_tail(skip_gradient, left))  # a_next = ot * tanh(c_next)
            store_tail(dz + 3 * dz_gate, da * tc * from_sigmoid(ot), left)  # ot = sigmoid(z_o)
            store_tail(skip_gradient, dc * ft, left)  # c_next = ft * c_prev + it * cct
            store_tail(dz, dc * c_prev * from_sigmoid(ft), left)  # ft = sigmoid(z_f)
            store_tail(dz + dz_gate, dc * cct * from_sigmoid(it), left)  # it = sigmoid(z_i)
            store_tail(dz + 2 * dz_gate, dc * it * one_minus_square(cct), left)  # cct = tanh(z_c)
            i += LANES
