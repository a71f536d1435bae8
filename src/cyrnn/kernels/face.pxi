"""The entry points that Python calls. Every array is checked by its caller; shapes here are for the reader.

All of them release the GIL, write only to their last argument(s), and allocate nothing but a bounded work area.
`reference.py` is their twin in NumPy.
"""

lanes = LANES

cdef Table offer
offer.lanes = LANES
offer.packed_size = packed_elements
offer.pack_gate = pack_gate
offer.pack_transposed_gate = pack_transposed_gate
offer.transpose_steps = transpose_steps
offer.weight_sizes = weight_sizes
offer.pack_weights = pack_weights
offer.pack_transposed_weights = pack_transposed_weights
offer.forward_packed = forward_packed
offer.head_packed = head_packed
offer.forward_unpacked = forward_unpacked
offer.step_unpacked = step_unpacked
offer.backward = backward_packed
offer.multiply = multiply_rows
offer.add_outer = add_outer_of
offer.add_rows = add_rows_of
offer.exp = exp_of
offer.tanh = tanh_of
offer.sigmoid = sigmoid_of
offer.softmax = softmax_of
table = PyCapsule_New(&offer, "cyrnn.kernels.table", NULL)


def exp(const real[::1] x, real[::1] out):
    """out = exp(x), both of shape (N,)."""
    with nogil:
        exp_of(&x[0], x.shape[0], &out[0])


def tanh(const real[::1] x, real[::1] out):
    """out = tanh(x), both of shape (N,)."""
    with nogil:
        tanh_of(&x[0], x.shape[0], &out[0])


def sigmoid(const real[::1] x, real[::1] out):
    """out = 1 / (1 + exp(-x)), both of shape (N,)."""
    with nogil:
        sigmoid_of(&x[0], x.shape[0], &out[0])


def softmax(const real[:, ::1] z, real[:, ::1] out):
    """out (n, N) = softmax of every column of z (n, N)."""
    with nogil:
        softmax_of(&z[0, 0], z.shape[0], z.shape[1], &out[0, 0])


def packed_size(Py_ssize_t units, Py_ssize_t k, Py_ssize_t gates):
    """Return how many elements `gates` stacked matrices (units, k) take when packed."""
    if (<double> units + 64) * gates * k >= 2.0 ** 58:
        raise MemoryError("cyrnn: no memory for the packed weights")
    return packed_elements(units, k, gates)


def pack(const real[:, :] W, Py_ssize_t gate, Py_ssize_t gates, real[::1] out):
    """Write one gate's W (units, k) to its places in out (packed_size(units, k, gates),)."""
    with nogil:
        pack_gate(&W[0, 0], W.strides[0] // <Py_ssize_t> sizeof(real), W.strides[1] // <Py_ssize_t> sizeof(real),
                  W.shape[0], W.shape[1], gate, gates, &out[0])


def forward(str cell, const real[:, :, :] x, const real[::1] Wx, const real[::1] Wa, const real[::1] b,
            real[:, :, :, ::1] states, real[:, :, :, ::1] gates, Py_ssize_t first=0, Py_ssize_t last=-1,
            const Py_ssize_t[::1] batch_sizes=None, const real[::1] Whr=None, real[:, :, ::1] hidden=None):
    """Run T steps: x (T, m, n_x); states (S, T + 1, m, n_a), [s, 0] given; gates (T, G', m, n_a) or None.

    Only the columns first <= i < last of the batch are run, all of them by default; at step t only i < batch_sizes[t].
    """
    cdef Run run
    cdef int failed
    run.cell = cell_numbers[cell]
    run.T = x.shape[0]
    run.batch = x.shape[1]
    run.m = (run.batch if last < 0 else last) - first
    run.batch_offset = first
    run.batch_sizes = NULL
    if batch_sizes is not None:
        run.batch_sizes = &batch_sizes[0]
    run.n_x = x.shape[2]
    run.n_a = run.n_h = states.shape[3]
    run.Whr = NULL
    if Whr is not None:
        run.Whr, run.n_h = &Whr[0], hidden.shape[2]
        run.hidden_initial = &hidden[0, 0, 0] + first * run.n_h
        run.hidden = &hidden[1, 0, 0] + first * run.n_h
    run.x_stride_t = x.strides[0] // <Py_ssize_t> sizeof(real)
    run.x_stride_m = x.strides[1] // <Py_ssize_t> sizeof(real)
    run.x_stride_k = x.strides[2] // <Py_ssize_t> sizeof(real)
    run.Wx = &Wx[0]
    run.Wa = &Wa[0]
    run.b = &b[0]
    run.weights = NULL
    run.x = &x[0, 0, 0] + first * run.x_stride_m
    run.initial = &states[0, 0, 0, 0] + first * run.n_a
    run.states = &states[0, 0, 0, 0] + (run.batch + first) * run.n_a
    run.state_stride = run.initial_state_stride = (run.T + 1) * run.batch * run.n_a
    run.state_stride_t = run.batch * run.n_a
    run.gates = NULL if gates is None else &gates[0, 0, 0, 0] + first * run.n_a
    with nogil:
        failed = forward_packed(&run)
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")


def head(const real[:, ::1] a, const real[::1] Wy, const real[::1] by, real[:, ::1] y):
    """y (N, n_y) = softmax over n_y of Wy a + by, for a (N, n_a)."""
    cdef int failed
    with nogil:
        failed = head_packed(&a[0, 0], a.shape[1], a.shape[0], &Wy[0], &by[0], y.shape[1], &y[0, 0])
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")


def pack_transposed(const real[:, :] W, Py_ssize_t gate, Py_ssize_t gates, real[::1] out):
    """Write one gate's W (n, units), turned, to its places in out: as packed, all are one matrix (units, gates * n)."""
    with nogil:
        pack_transposed_gate(&W[0, 0], W.strides[0] // <Py_ssize_t> sizeof(real),
                         W.strides[1] // <Py_ssize_t> sizeof(real), W.shape[0], W.shape[1], gate, gates, &out[0])


def backward(str cell, const real[:, :, :] da, const real[::1] WaT, const real[:, :, :, :] previous,
             const real[:, :, :, :] next, const real[:, :, :, ::1] gates, real[:, :, ::1] inner, real[:, :, ::1] dz,
             real[:, :, ::1] start, Py_ssize_t first=0, Py_ssize_t last=-1, const Py_ssize_t[::1] batch_sizes=None,
             const real[::1] WhrT=None, real[:, :, ::1] dh=None, real[:, ::1] dh_initial=None):
    """dz (T, m, G * n_a) and the gradients of the initial states, start (1 + C, m, n_a), from da (T, m, n_a).

    previous and next (S, T, m, n_a): the states before and after each step, slots side by side; gates (T, G', m, n_a)
    or None; inner (T, m, n_a) or None. start[1] holds what arrives at the second state after the last step. Only
    columns first <= i < last, at step t only i < batch_sizes[t].
    """
    cdef BackwardRun run
    run.cell = cell_numbers[cell]
    run.T, run.batch, run.n_a = da.shape[0], da.shape[1], da.shape[2]
    run.n_h = run.n_a
    run.WhrT = NULL
    if WhrT is not None:
        run.WhrT, run.n_h = &WhrT[0], dh.shape[2]
        run.dh = &dh[0, 0, 0] + first * run.n_h
        run.dh_initial = &dh_initial[0, 0] + first * run.n_h
    run.m = (run.batch if last < 0 else last) - first
    run.batch_offset = first
    run.batch_sizes = NULL
    if batch_sizes is not None:
        run.batch_sizes = &batch_sizes[0]
    run.da_stride_t = da.strides[0] // <Py_ssize_t> sizeof(real)
    run.da_stride_m = da.strides[1] // <Py_ssize_t> sizeof(real)
    run.da = &da[0, 0, 0] + first * run.da_stride_m
    run.WaT = &WaT[0]
    run.initial = &previous[0, 0, 0, 0] + first * run.n_a
    run.previous = run.initial + run.batch * run.n_a
    run.next = &next[0, 0, 0, 0] + first * run.n_a
    run.state_stride = run.initial_state_stride = next.strides[0] // <Py_ssize_t> sizeof(real)
    run.gates = NULL
    run.gate_stride_t = 0
    if gates is not None:
        run.gates = &gates[0, 0, 0, 0] + first * run.n_a
        run.gate_stride_t = gates.shape[1] * run.batch * run.n_a
    run.inner = NULL if inner is None else &inner[0, 0, 0] + first * run.n_a
    run.dz = &dz[0, 0, 0] + first * dz.shape[2]
    run.d_initial = &start[0, 0, 0] + first * run.n_a
    with nogil:
        backward_packed(&run)


def multiply(const real[:, :] rows, const real[::1] panels, const real[::1] b, real[:, ::1] out):
    """out (N, units) = rows (N, K), unit stride along K, times a packed matrix (units, K), plus b, packed or None."""
    cdef const real* start = NULL
    if b is not None:
        start = &b[0]
    with nogil:
        multiply_rows(&rows[0, 0], rows.strides[0] // <Py_ssize_t> sizeof(real), rows.shape[0], rows.shape[1],
                      &panels[0], start, out.shape[1], &out[0, 0])


def add_outer(const real[:, :] left, const real[:, :] right, real[:, :] out):
    """out (units, K) += left^T right, for left (N, units) and right (N, K); the last axis of each has unit stride."""
    cdef int failed
    with nogil:
        failed = add_outer_of(&left[0, 0], left.strides[0] // <Py_ssize_t> sizeof(real), &right[0, 0],
                              right.strides[0] // <Py_ssize_t> sizeof(real), left.shape[0], left.shape[1],
                              right.shape[1], &out[0, 0], out.strides[0] // <Py_ssize_t> sizeof(real))
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")


def add_rows(const real[:, :] left, real[:] out):
    """out (units,) += the sum of the rows of left (N, units), whose last axis has unit stride."""
    with nogil:
        add_rows_of(&left[0, 0], left.strides[0] // <Py_ssize_t> sizeof(real), left.shape[0], left.shape[1], &out[0],
                    out.strides[0] // <Py_ssize_t> sizeof(real))
