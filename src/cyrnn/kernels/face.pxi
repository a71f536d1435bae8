"""The entry points that Python calls. Every array is checked by its caller; shapes here are for the reader.

All of them release the GIL, write only to their last argument(s), and allocate nothing but a bounded work area.
`reference.py` is their twin in NumPy.
"""

lanes = LANES

cdef dict cell_numbers = {"rnn": RNN, "lstm": LSTM}

cdef Table offer
offer.lanes = LANES
offer.packed_size = packed_elements
offer.pack_gate = pack_gate
offer.forward_units = forward_units
offer.head_units = head_units
offer.forward_batch = forward_batch
offer.step_few = step_few
table = PyCapsule_New(&offer, "cyrnn.kernels.table", NULL)


def exp(const real[::1] x, real[::1] out):
    """out = exp(x), both of shape (N,)."""
    cdef Py_ssize_t i, n = x.shape[0]
    with nogil:
        i = 0
        while i < n:
            put(&out[0] + i, exp_(get(&x[0] + i, n - i)), n - i)
            i += LANES


def tanh(const real[::1] x, real[::1] out):
    """out = tanh(x), both of shape (N,)."""
    cdef Py_ssize_t i, n = x.shape[0]
    with nogil:
        i = 0
        while i < n:
            put(&out[0] + i, tanh_(get(&x[0] + i, n - i)), n - i)
            i += LANES


def sigmoid(const real[::1] x, real[::1] out):
    """out = 1 / (1 + exp(-x)), both of shape (N,)."""
    cdef Py_ssize_t i, n = x.shape[0]
    with nogil:
        i = 0
        while i < n:
            put(&out[0] + i, sigmoid_(get(&x[0] + i, n - i)), n - i)
            i += LANES


def softmax(const real[:, ::1] z, real[:, ::1] out):
    """out (n, N) = softmax of every column of z (n, N)."""
    cdef Py_ssize_t i, n = z.shape[0], N = z.shape[1]
    with nogil:
        i = 0
        while i < N:
            softmax_lanes(&z[0, 0] + i, N, n, &out[0, 0] + i, N, N - i)
            i += LANES


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
            real[:, :, :, ::1] states, real[:, :, :, ::1] gates, Py_ssize_t first=0, Py_ssize_t last=-1):
    """Run T steps: x (T, m, n_x); states (S, T + 1, m, n_a), [s, 0] given; gates (T, G, m, n_a) or None.

    Only the columns first <= i < last of the batch are run, all of them by default.
    """
    cdef Run run
    cdef int failed
    run.cell = cell_numbers[cell]
    run.T = x.shape[0]
    run.columns = x.shape[1]
    run.m = (run.columns if last < 0 else last) - first
    run.n_x = x.shape[2]
    run.n_a = states.shape[3]
    run.x_t = x.strides[0] // <Py_ssize_t> sizeof(real)
    run.x_m = x.strides[1] // <Py_ssize_t> sizeof(real)
    run.x_k = x.strides[2] // <Py_ssize_t> sizeof(real)
    run.Wx = &Wx[0]
    run.Wa = &Wa[0]
    run.b = &b[0]
    run.weights = NULL
    run.x = &x[0, 0, 0] + first * run.x_m
    run.initial = &states[0, 0, 0, 0] + first * run.n_a
    run.states = &states[0, 0, 0, 0] + (run.columns + first) * run.n_a
    run.state = run.initial_state = (run.T + 1) * run.columns * run.n_a
    run.gates = NULL if gates is None else &gates[0, 0, 0, 0] + first * run.n_a
    with nogil:
        failed = forward_units(&run)
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")


def head(const real[:, ::1] a, const real[::1] Wy, const real[::1] by, real[:, ::1] y):
    """y (N, n_y) = softmax over n_y of Wy a + by, for a (N, n_a)."""
    cdef int failed
    with nogil:
        failed = head_units(&a[0, 0], a.shape[1], a.shape[0], &Wy[0], &by[0], y.shape[1], &y[0, 0])
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")
