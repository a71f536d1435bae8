"""Back-propagation through time: the time loop, and the products that it leaves to do.

Sums have one order, whatever the batch, the layout and the threads; each is a chain of fused multiply-adds from zero:

    what arrives at a state     over (gate, unit) of the step after it, gates in order; then the caller's da is added
    dx                          over (gate, unit)
    dW, db                      over (step, column), both ascending

Design. The loop runs over W_a^T packed (units in lanes, as forward) and turns each tile of sums into dz of the step
before at once. dx needs dz alone, and the weight gradients are one long product over all steps, so they wait for the
end: there they run at the speed of large matrices, and threads can share their output.
"""

cdef enum:
    OUTER_ROWS = 256         # of a long product at a time: what stands beside each other in the cache


cdef void pack_turned_gate(const real* W, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n, Py_ssize_t units,
                           Py_ssize_t gate, Py_ssize_t gates, real* out) noexcept nogil:
    """Put one gate's W^T (units, n), for W (n, units), beside the others': all are one matrix (units, gates * n)."""
    cdef Py_ssize_t unit = 0, v, width
    while unit < units:
        width = min(4, vectors(units - unit, 1))
        for v in range(width):
            pack_lanes(W + (unit + v * LANES) * col, col, row, min(LANES, units - unit - v * LANES), n,
                       out + unit * gates * n + gate * n * width * LANES + v * LANES, width * LANES)
        unit += 4 * LANES


cdef void multiply_rows(const real* rows, Py_ssize_t N, Py_ssize_t K, const real* panels, Py_ssize_t units,
                        real* out) noexcept nogil:
    """out (N, units) = rows (N, K) times a packed matrix (units, K)."""
    cdef vec tile_of_z[24]
    cdef real* z = <real*> tile_of_z
    cdef real zero = 0
    cdef Py_ssize_t width = vectors(units, 1), v = 0, row, R, P, Vp, r, j
    cdef Product p
    p.first.K = 0
    p.start = &zero
    p.start_row = 0
    p.start_is_column = True
    p.second.K = K
    p.second.row = K
    p.second.row_k = 1
    p.second.panel_next = 4 * LANES * K
    p.z = z
    while v < width:
        P = max(1, min(most_panels(min(N, TILE_ROWS), 4), (width - v) // 4))
        Vp = min(4, width - v)
        p.second.panel = panels + v * LANES * K
        p.second.panel_k = Vp * LANES
        p.z_row = P * Vp * LANES
        row = 0
        while row < N:
            R = even_share(N - row, TILE_ROWS if P == 1 else max_rows(P))
            p.second.rows = rows + row * K
            product(&p, R, P, Vp)
            for r in range(R):
                j = 0
                while j < P * Vp * LANES and v * LANES + j < units:
                    put(out + (row + r) * units + v * LANES + j, load(z + r * p.z_row + j), units - v * LANES - j)
                    j += LANES
            row += R
        v += P * Vp


# ---- the time loop ----------------------------------------------------------------------------------------------

cdef void step_back(const Back* back, Py_ssize_t t) noexcept nogil:
    """dz of step t, from dz of the step after it (none after the last) and from what the caller says of step t."""
    cdef vec tile_of_z[24]
    cdef real* z = <real*> tile_of_z
    cdef real zero = 0
    cdef Py_ssize_t gates = gates_of(back.cell), n = back.n_a, m = back.m, K = gates * n, step = back.columns * n
    cdef Py_ssize_t width = vectors(n, 1), panels = (width + 3) // 4, full = width // 4, left = panels
    cdef Py_ssize_t first, P, Vp, row, R, i
    cdef Derivative derivative = derivative_of(back.cell)
    cdef const real* previous = back.initial
    cdef Product p
    cdef Undo undo
    undo.previous_state = back.initial_state
    if t > 0:
        previous = back.previous + (t - 1) * step
        undo.previous_state = back.state
    undo.next_state = back.state
    undo.row = n
    undo.gate = step
    undo.da_row = back.da_m
    undo.dz_row = K
    undo.dz_gate = n
    undo.z = z
    p.first.K = 0
    p.start = &zero
    p.start_row = 0
    p.start_is_column = True
    p.second.K = K if t + 1 < back.T else 0
    p.second.row = K
    p.second.row_k = 1
    p.second.panel_next = 4 * LANES * K
    p.z = z
    while left > 0:                     # forwards and backwards in turn, as in forward.pxi
        P = min(most_panels(min(m, TILE_ROWS), 4), left)
        if t % 2 == 0:
            first = panels - left
            P = min(P, full - first) if first < full else 1
        else:
            first = left - P
            if left > full:
                P, first = 1, left - 1
        left -= P
        Vp = min(4, width - first * 4)
        p.second.panel = back.WaT + first * 4 * LANES * K
        p.second.panel_k = Vp * LANES
        p.z_row = undo.z_row = P * Vp * LANES
        row = 0
        while row < m:
            R = even_share(m - row, TILE_ROWS if P == 1 else max_rows(P))
            p.second.rows = back.dz + ((t + 1) * back.columns + row) * K
            product(&p, R, P, Vp)
            i = row * n + first * 4 * LANES
            undo.rows = R
            undo.n = min(P * Vp * LANES, n - first * 4 * LANES)
            undo.da = back.da + t * back.da_t + row * back.da_m + first * 4 * LANES
            undo.previous = previous + i
            undo.next = back.next + t * step + i
            undo.gates = NULL
            if back.gates != NULL:
                undo.gates = back.gates + t * back.gate_t + i
            undo.carried = back.start + step + i
            undo.dz = back.dz + (t * back.columns + row) * K + first * 4 * LANES
            derivative(&undo)
            row += R


cdef void backward_units(const Back* back) noexcept nogil:
    """dz of all T steps, and the gradient of the initial states."""
    cdef Py_ssize_t t = back.T, K = gates_of(back.cell) * back.n_a
    while t > 0:
        t -= 1
        step_back(back, t)
    multiply_rows(back.dz, back.m, K, back.WaT, back.n_a, back.start)


# ---- the weight gradients ---------------------------------------------------------------------------------------

cdef void add_rows_of(const real* left, Py_ssize_t left_row, Py_ssize_t N, Py_ssize_t units, real* out,
                      Py_ssize_t out_step) noexcept nogil:
    """out (units,) += the sum of the rows of left (N, units), in their order."""
    cdef Py_ssize_t u = 0, k, i
    cdef vec total
    cdef real sums[MAX_LANES]
    while u < units:
        for i in range(LANES):
            sums[i] = out[(u + i) * out_step] if u + i < units else 0
        total = load(sums)
        for k in range(N):
            total = total + get(left + k * left_row + u, units - u)
        store(sums, total)
        for i in range(min(LANES, units - u)):
            out[(u + i) * out_step] = sums[i]
        u += LANES


cdef int add_outer_of(const real* left, Py_ssize_t left_row, const real* right, Py_ssize_t right_row, Py_ssize_t N,
                      Py_ssize_t units, Py_ssize_t K, real* out, Py_ssize_t out_row) noexcept nogil:
    """out (units, K) += left^T right, for left (N, units) and right (N, K): rows of N in their order.

    Returns -1 where the work area cannot be had. Both sides are copied, some rows of N at a time, to where the
    microkernel finds them side by side: right as panels, left as tiles of TILE_ROWS units.
    """
    cdef vec tile_of_z[24]
    cdef real* z = <real*> tile_of_z
    cdef Py_ssize_t width = vectors(K, 1), n0 = 0, n, k, v, Vp, u, R, i, r
    cdef void* work
    cdef real* panels
    cdef real* some
    cdef Product p
    if N == 0 or units == 0 or K == 0:
        return 0
    work = malloc((min(N, OUTER_ROWS) * (width * LANES + TILE_ROWS) + MAX_LANES) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    panels = aligned(work)
    some = panels + min(N, OUTER_ROWS) * width * LANES
    p.first.K = 0
    p.start_is_column = False
    p.second.rows = some
    p.second.row = 1
    p.second.row_k = TILE_ROWS
    while n0 < N:
        n = min(OUTER_ROWS, N - n0)
        v = 0
        while v < width:
            Vp = min(4, width - v)
            for k in range(n):
                for i in range(Vp):
                    store(panels + v * LANES * n + (k * Vp + i) * LANES,
                          get(right + (n0 + k) * right_row + (v + i) * LANES, K - (v + i) * LANES))
            v += Vp
        p.second.K = n
        u = 0
        while u < units:
            R = min(TILE_ROWS, units - u)
            for k in range(n):
                i = 0
                while i < R:                   # what spills over is written again with the next k
                    store(some + k * TILE_ROWS + i, get(left + (n0 + k) * left_row + u + i, R - i))
                    i += LANES
            v = 0
            while v < width:
                Vp = min(4, width - v)
                p.second.panel = panels + v * LANES * n
                p.second.panel_k = Vp * LANES
                if (v + Vp) * LANES <= K:
                    p.start = p.z = out + u * out_row + v * LANES
                    p.start_row = p.z_row = out_row
                    product(&p, R, 1, Vp)
                else:
                    p.start = p.z = z
                    p.start_row = p.z_row = Vp * LANES
                    for r in range(R):
                        for i in range(Vp):
                            store(z + (r * Vp + i) * LANES,
                                  get(out + (u + r) * out_row + (v + i) * LANES, K - (v + i) * LANES))
                    product(&p, R, 1, Vp)
                    for r in range(R):
                        for i in range(Vp):
                            put(out + (u + r) * out_row + (v + i) * LANES, load(z + (r * Vp + i) * LANES),
                                K - (v + i) * LANES)
                v += Vp
            u += R
        n0 += n
    free(work)
    return 0
