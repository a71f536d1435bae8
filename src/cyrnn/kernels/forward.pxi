"""The time loop over packed weights, units in lanes.

Design. The input half of every chain, b + W_x x, does not wait for the steps before it, so it runs ahead of the time
loop for a block of steps at once; the loop itself then reads W_a alone, which stays in the cache where both would not
(2 MB of L2, f32 LSTM 256,256,32,50: 68 GFLOP/s with both products fused, 132 so; Xeon with AVX-512, 2026-11-23).
A tile of pre-activations is summed in registers, stored to a small buffer in L1, and the cell's pointwise function
turns it into gates and next states at once.
"""

cdef enum:
    # The work area of the input product: 512 KB on AVX-512, but at least one step and, if T allows, 48 rows of z.
    WORK_VECTORS = 8192
    WORK_ROWS = 48


cdef inline Py_ssize_t steps_ahead(const Run* run) noexcept nogil:
    """For how many steps the input product runs ahead; 0 where there is nothing to gain."""
    cdef Py_ssize_t width = vectors(run.n_a, gates_of(run.cell))
    if run.T < 2 or run.m == 0 or width == 0:
        return 0
    return min(run.T, max(1, max(WORK_ROWS, WORK_VECTORS // width) // run.m))


cdef void input_ahead(const Run* run, Py_ssize_t t0, Py_ssize_t t1, real* z) noexcept nogil:
    """z (t1 - t0, m, width) = b + W_x x for the steps t0 <= t < t1: the first half of every chain."""
    cdef Py_ssize_t gates = gates_of(run.cell)
    cdef Py_ssize_t V = vectors_per_panel(gates), width = vectors(run.n_a, gates)
    cdef Py_ssize_t total = (t1 - t0) * run.m, row, v, R, Vp
    cdef Product p
    p.second.K = 0
    p.start_is_column = False
    p.start_row = 0
    p.z_row = width * LANES
    p.first.K = run.n_x
    p.first.row = run.x_m if run.m > 1 else run.x_t
    p.first.row_k = run.x_k
    v = 0
    while v < width:
        Vp = min(V, width - v)
        p.first.panel = run.Wx + v * LANES * run.n_x
        p.first.panel_k = Vp * LANES
        p.start = run.b + v * LANES
        row = 0
        while row < total:
            # rows of one tile must be evenly spaced in x: over steps if x is, else within one step
            if run.m == 1 or run.x_t == run.m * run.x_m:
                R = min(TILE_ROWS, total - row)
            else:
                R = min(TILE_ROWS, run.m - row % run.m)
            p.first.rows = run.x + (t0 + row // run.m) * run.x_t + (row % run.m) * run.x_m
            p.z = z + row * p.z_row + v * LANES
            product(&p, R, 1, Vp)
            row += R
        v += V


cdef inline Py_ssize_t max_rows(Py_ssize_t P) noexcept nogil:
    return 1 if P > 2 else 3 if TILE_ROWS > 3 else 1


cdef inline Py_ssize_t even_share(Py_ssize_t rows, Py_ssize_t most) noexcept nogil:
    """The next of the fewest tiles of at most `most` rows, cut as evenly as can be: 8 rows are 4 + 4, not 6 + 2."""
    cdef Py_ssize_t tiles = (rows + most - 1) // most
    return (rows + tiles - 1) // tiles


cdef void step(const Run* run, Py_ssize_t t, const real* ahead) noexcept nogil:
    """One step of every row. `ahead` (m, width): this step's b + W_x x, or NULL to sum it here."""
    cdef vec tile_of_z[24]
    cdef real* z = <real*> tile_of_z
    cdef Py_ssize_t gates = gates_of(run.cell), n = run.n_a, m = run.m
    cdef Py_ssize_t V = vectors_per_panel(gates), per = units_per_panel(gates), width = vectors(n, gates)
    cdef Py_ssize_t panels = (width + V - 1) // V, full = width // V
    cdef Py_ssize_t row, R, first, P, panel, q, Vp, i, left = panels
    cdef Pointwise pointwise = pointwise_of(run.cell)
    cdef real* following = run.states + t * run.columns * n
    cdef const real* previous = run.initial
    cdef Product p
    cdef Block block
    block.row = n
    block.previous_state = run.initial_state
    if t > 0:
        previous = run.states + (t - 1) * run.columns * n
        block.previous_state = run.state
    block.state = run.state
    block.gate = run.columns * n
    block.z_gate = per
    p.start_is_column = False
    p.first.K = 0
    p.second.K = n
    p.second.row = n
    p.second.row_k = 1
    if ahead == NULL:
        p.first.K = run.n_x
        p.first.row = run.x_m
        p.first.row_k = run.x_k
    while left > 0:
        # odd steps go through the panels backwards: the last ones are still in the cache (+20% at n = 256)
        P = most_panels(min(m, TILE_ROWS), V)
        P = min(P, left)
        if t % 2 == 0:
            first = panels - left
            if first < full:
                P = min(P, full - first)
            else:
                P = 1
        else:
            first = left - P
            if left > full:
                P, first = 1, left - 1
        left -= P
        Vp = min(V, width - first * V)
        p.first.panel = run.Wx + first * V * LANES * run.n_x
        p.first.panel_next = V * LANES * run.n_x
        p.first.panel_k = Vp * LANES
        p.second.panel = run.Wa + first * V * LANES * n
        p.second.panel_next = V * LANES * n
        p.second.panel_k = Vp * LANES
        p.z = z
        p.z_row = P * Vp * LANES
        block.z_row = p.z_row
        row = 0
        while row < m:
            R = even_share(m - row, TILE_ROWS if P == 1 else max_rows(P))
            p.first.rows = run.x + t * run.x_t + row * run.x_m
            p.second.rows = previous + row * n
            if ahead == NULL:
                p.start = run.b + first * V * LANES
                p.start_row = 0
            else:
                p.start = ahead + row * width * LANES + first * V * LANES
                p.start_row = width * LANES
            product(&p, R, P, Vp)
            block.rows = R
            for q in range(P):
                i = row * n + (first + q) * per
                block.z = z + q * V * LANES
                block.n = min(per, n - (first + q) * per)
                block.previous = previous + i
                block.next = following + i
                block.gates = NULL
                if run.gates != NULL:
                    block.gates = run.gates + gates * t * run.columns * n + i
                pointwise(&block)
            row += R


cdef int forward_units(const Run* run) noexcept nogil:
    """All T steps, units in lanes. Returns -1 where the work area cannot be had."""
    cdef Py_ssize_t t, t0 = 0, t1, steps = steps_ahead(run)
    cdef Py_ssize_t z_step = run.m * vectors(run.n_a, gates_of(run.cell)) * LANES
    cdef void* work
    cdef real* z
    if steps == 0:
        for t in range(run.T):
            step(run, t, NULL)
        return 0
    work = malloc(steps * z_step * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    z = aligned(work)
    while t0 < run.T:
        t1 = min(run.T, t0 + steps)
        input_ahead(run, t0, t1, z)
        for t in range(t0, t1):
            step(run, t, z + (t - t0) * z_step)
        t0 = t1
    free(work)
    return 0
