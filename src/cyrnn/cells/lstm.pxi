"""The long short-term memory cell, compiled: see lstm.py for the equations."""

cdef inline void lstm_forward(const PointwiseArgs* args, const Variant* variant, bint coupled) noexcept nogil:
    # z (gate, rows, n) in the order f, i, c, o; of coupled gates i, c, o. `previous` and `next` (state, rows, n): a,
    # then c. Nothing aliases.
    #
    # Two loops, since tanh(c_next) waits for three activations: right behind them it leaves the CPU too little else to
    # do. Cycles for a vector of units, where five activations take 96 (f32) and 122 (f64): 127 -> 105, 164 -> 138; AVX2
    # 93 -> 85, 123 -> 108 (Xeon with AVX-512, 2026-11-28).
    cdef Py_ssize_t r = 0, i = 0, at, left, gate = args.gate_stride, n_a = args.row_stride, unit = args.unit
    cdef Py_ssize_t first = 0 if coupled else 1        # the place of the input gate
    cdef const real* c_prev = args.previous + args.previous_state_stride
    cdef real* c_next = args.next + args.state_stride
    cdef real* z
    cdef real* kept
    cdef vec ft, it, cct, ot, c
    while r < args.rows:
        left = args.n - i
        at = r * args.row_stride + i
        z = args.z + r * args.z_row_stride + i
        c = load_tail(c_prev + at, left)
        if not coupled:
            ft = gate_(variant, peep(variant, PEEPHOLE_F, n_a, unit + i, left, c, load(z)))
        it = gate_(variant, peep(variant, PEEPHOLE_I, n_a, unit + i, left, c, load(z + first * args.z_gate_stride)))
        if coupled:
            ft = splat(1) - it
        cct = candidate_(variant, load(z + (first + 1) * args.z_gate_stride))
        c = fma(ft, c, it * cct)
        store(z, c)
        store_tail(c_next + at, c, left)
        if args.gates != NULL:
            kept = args.gates + at
            if not coupled:
                store_tail(kept, ft, left)
            store_tail(kept + first * gate, it, left)
            store_tail(kept + (first + 1) * gate, cct, left)
        to_next_vector(args.n, &r, &i)
    r = i = 0
    while r < args.rows:
        left = args.n - i
        at = r * args.row_stride + i
        z = args.z + r * args.z_row_stride + i
        c = load(z)
        ot = peep(variant, PEEPHOLE_O, n_a, unit + i, left, c, load(z + (first + 2) * args.z_gate_stride))
        ot = gate_(variant, ot)
        store_tail(args.next + at, ot * output_(variant, c), left)
        if args.gates != NULL:
            store_tail(args.gates + (first + 2) * gate + at, ot, left)
        to_next_vector(args.n, &r, &i)


cdef inline void lstm_backward(const PointwiseBackwardArgs* args, const Variant* variant, bint coupled) noexcept nogil:
    # dz (gate, rows, n) in the same order; `skip_gradient` (rows, n): dc_next, then dc_prev
    cdef Py_ssize_t r, i, at, left, gate = args.gate_stride, dz_gate = args.dz_gate_stride, n_a = args.row_stride
    cdef Py_ssize_t first = 0 if coupled else 1, unit = args.unit
    cdef const real* d_next
    cdef const real* incoming
    cdef const real* kept
    cdef real* dz
    cdef real* skip_gradient
    cdef vec ft, it, cct, ot, tc, c_prev, da, dc, dc_prev, dz_f, dz_i, dz_o
    for r in range(args.rows):
        d_next = args.d_next + r * args.d_next_row_stride
        incoming = args.da + r * args.da_row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            kept = args.gates + at
            if not coupled:
                ft = load_tail(kept, left)
            it = load_tail(kept + first * gate, left)
            if coupled:
                ft = splat(1) - it
            cct = load_tail(kept + (first + 1) * gate, left)
            ot = load_tail(kept + (first + 2) * gate, left)
            c_prev = load_tail(args.previous + args.previous_state_stride + at, left)
            tc = output_(variant, load_tail(args.next + args.next_state_stride + at, left))
            da = load(d_next + i) + load_tail(incoming + i, left)
            skip_gradient = args.skip_gradient + at
            dz = args.dz + r * args.dz_row_stride + i
            dc = fma(da * ot, from_output(variant, tc), load_tail(skip_gradient, left))  # a_next = ot * tanh(c_next)
            dz_o = da * tc * from_gate(variant, ot)
            store_tail(dz + (first + 2) * dz_gate, dz_o, left)  # ot = sigmoid(z_o)
            dc = peep(variant, PEEPHOLE_O, n_a, unit + i, left, dz_o, dc)
            dz_i = dc * (cct - c_prev if coupled else cct) * from_gate(variant, it)  # it = sigmoid(z_i)
            store_tail(dz + first * dz_gate, dz_i, left)
            store_tail(dz + (first + 1) * dz_gate, dc * it * from_candidate(variant, cct), left)  # cct = tanh(z_c)
            dc_prev = peep(variant, PEEPHOLE_I, n_a, unit + i, left, dz_i, dc * ft)  # c_next = ft * c_prev + it * cct
            if not coupled:
                dz_f = dc * c_prev * from_gate(variant, ft)  # ft = sigmoid(z_f)
                store_tail(dz, dz_f, left)
                dc_prev = peep(variant, PEEPHOLE_F, n_a, unit + i, left, dz_f, dc_prev)
            store_tail(skip_gradient, dc_prev, left)
            i += LANES


cdef void lstm_pointwise(const PointwiseArgs* args) noexcept nogil:
    lstm_forward(args, NULL, False)


cdef void lstm_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    lstm_backward(args, NULL, False)


cdef void lstm_variant_pointwise(const PointwiseArgs* args) noexcept nogil:
    lstm_forward(args, variant_of(args.variant), False)


cdef void lstm_variant_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    lstm_backward(args, variant_of(args.variant), False)


cdef void lstm_coupled_pointwise(const PointwiseArgs* args) noexcept nogil:
    lstm_forward(args, variant_of(args.variant), True)


cdef void lstm_coupled_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    lstm_backward(args, variant_of(args.variant), True)
