"""The long short-term memory cell, compiled: see lstm.py for the equations."""

cdef void lstm_pointwise(const PointwiseArgs* args) noexcept nogil:
    # z (gate, rows, n) in the order f, i, c, o; `previous` and `next` (state, rows, n): a, then c. Nothing aliases.
    #
    # Two loops, since tanh(c_next) waits for three activations: right behind them it leaves the CPU too little else to
    # do. Cycles for a vector of units, where five activations take 96 (f32) and 122 (f64): 127 -> 105, 164 -> 138; AVX2
    # 93 -> 85, 123 -> 108 (Xeon with AVX-512, 2026-11-28).
    cdef Py_ssize_t r = 0, i = 0, at, left, z_gate_stride = args.z_gate_stride, gate = args.gate_stride
    cdef const real* c_prev = args.previous + args.previous_state_stride
    cdef real* c_next = args.next + args.state_stride
    cdef real* z
    cdef real* kept
    cdef vec ft, it, cct, ot, c
    while r < args.rows:
        left = args.n - i
        at = r * args.row_stride + i
        z = args.z + r * args.z_row_stride + i
        ft = sigmoid_(load(z))
        it = sigmoid_(load(z + z_gate_stride))
        cct = tanh_(load(z + 2 * z_gate_stride))
        c = fma(ft, load_tail(c_prev + at, left), it * cct)
        store(z, c)
        store_tail(c_next + at, c, left)
        if args.gates != NULL:
            kept = args.gates + at
            store_tail(kept, ft, left)
            store_tail(kept + gate, it, left)
            store_tail(kept + 2 * gate, cct, left)
        to_next_vector(args.n, &r, &i)
    r = i = 0
    while r < args.rows:
        left = args.n - i
        at = r * args.row_stride + i
        z = args.z + r * args.z_row_stride + i
        ot = sigmoid_(load(z + 3 * z_gate_stride))
        store_tail(args.next + at, ot * tanh_(load(z)), left)
        if args.gates != NULL:
            store_tail(args.gates + 3 * gate + at, ot, left)
        to_next_vector(args.n, &r, &i)


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
