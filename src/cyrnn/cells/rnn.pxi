"""The plain recurrent cell, compiled: see rnn.py for the equations."""

cdef inline void rnn_forward(const PointwiseArgs* args, const Variant* variant) noexcept nogil:
    # z (rows, n): one gate. `next` (rows, n): a_next. Nothing aliases.
    cdef Py_ssize_t r, i, left
    cdef const real* z
    cdef real* a_next
    for r in range(args.rows):
        z = args.z + r * args.z_row_stride
        a_next = args.next + r * args.row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            store_tail(a_next + i, candidate_(variant, load(z + i)), left)
            i += LANES


cdef inline void rnn_backward(const PointwiseBackwardArgs* args, const Variant* variant) noexcept nogil:
    cdef Py_ssize_t r, i, at, left
    cdef const real* d_next
    cdef const real* incoming
    cdef real* dz
    cdef vec a, da
    for r in range(args.rows):
        d_next = args.d_next + r * args.d_next_row_stride
        incoming = args.da + r * args.da_row_stride
        dz = args.dz + r * args.dz_row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            a = load_tail(args.next + at, left)
            da = load(d_next + i) + load_tail(incoming + i, left)
            store_tail(dz + i, da * from_candidate(variant, a), left)  # a_next = tanh(z)
            i += LANES


cdef void rnn_pointwise(const PointwiseArgs* args) noexcept nogil:
    rnn_forward(args, NULL)


cdef void rnn_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    rnn_backward(args, NULL)


cdef void rnn_variant_pointwise(const PointwiseArgs* args) noexcept nogil:
    rnn_forward(args, variant_of(args.variant))


cdef void rnn_variant_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    rnn_backward(args, variant_of(args.variant))


cdef void rnn_relu_pointwise(const PointwiseArgs* args) noexcept nogil:
    cdef Py_ssize_t r, i
    cdef const real* z
    cdef vec z_a
    for r in range(args.rows):
        z = args.z + r * args.z_row_stride
        i = 0
        while i < args.n:
            z_a = load(z + i)
            z_a = select(less(z_a, splat(0)), splat(0), z_a)  # nan stays
            store_tail(args.next + r * args.row_stride + i, z_a, args.n - i)
            i += LANES


cdef void rnn_relu_derivative(const PointwiseBackwardArgs* args) noexcept nogil:
    cdef Py_ssize_t r, i, at, left
    cdef const real* d_next
    cdef const real* incoming
    cdef real* dz
    cdef vec a, da
    for r in range(args.rows):
        d_next = args.d_next + r * args.d_next_row_stride
        incoming = args.da + r * args.da_row_stride
        dz = args.dz + r * args.dz_row_stride
        i = 0
        while i < args.n:
            left = args.n - i
            at = r * args.row_stride + i
            a = load_tail(args.next + at, left)
            da = load(d_next + i) + load_tail(incoming + i, left)
            store_tail(dz + i, select(less(splat(0), a), da, splat(0)), left)  # a_next = max(z, 0)
            i += LANES
