"""One column: the input half of later steps rides along with the recurrent half of this one. See ahead.pxi.

Structs that were just written are not copied here: a wide load of narrow stores waits for all stores before it, which
made the whole way 10% slower.
"""

cdef enum:
    # How many rows ride beside one whose panels have 2, 3 or 4 vectors: as many sums as registers hold.
    RIDERS_2 = 10
    RIDERS_3 = 7
    RIDERS_4 = 5

ctypedef struct Riders:
    # The next group of rows of x, over the part of k that is the turn of one step.
    Py_ssize_t K             # how long the part is,
    Py_ssize_t k0            # where it begins
    const real* rows         # from there on
    Py_ssize_t row_stride
    Py_ssize_t k_stride      # of `rows`
    const real* start        # what the chains go on from, of the first panel
    Py_ssize_t start_row_stride
    real* z                  # likewise
    Py_ssize_t z_row_stride


cdef inline Py_ssize_t most_riders(Py_ssize_t V) noexcept nogil:
    return RIDERS_4 if V == 4 else RIDERS_3 if V == 3 else RIDERS_2


cdef bint rides(const Run* run, const Part* parts, Py_ssize_t stages) noexcept nogil:
    """Whether the input half is to ride along."""
    cdef double bytes = 0
    cdef Py_ssize_t s
    cdef const Part* part
    if TILE_ROWS <= 3 or run.m != 1 or run.batch_sizes != NULL or run.n_x < RIDE_INPUTS or 6 * run.n_x < run.n_a:
        return False
    for s in range(stages):
        part = &parts[s]
        if part.V_x != part.V_a or run.T < 2 * most_riders(part.V_x):
            return False
        bytes += bytes_of(run, part.width)
    return bytes <= RIDE_BYTES


cdef bint riders_of(const Run* run, const Part* part, Py_ssize_t t, Riders* riders) noexcept nogil:
    """What rides along in step t; False where it is nothing."""
    cdef Py_ssize_t R = part.riders, turn, first, skipped = (part.stage.gates - part.stage.input) * LANES
    if t < part.steps - R:
        return False
    turn = (t - part.steps + R) % R
    first = t - turn + R                       # step of the next group
    if first >= run.T:
        return False
    riders.k0 = run.n_x * turn // R
    riders.K = run.n_x * (turn + 1) // R - riders.k0
    riders.rows = run.x + first * run.x_stride_t + riders.k0 * run.x_stride_k
    riders.row_stride = run.x_stride_t
    riders.k_stride = run.x_stride_k
    riders.z = row_ahead(run, part, first) + skipped
    riders.z_row_stride = part.width * LANES
    if turn > 0:
        riders.start, riders.start_row_stride = riders.z, riders.z_row_stride
    else:
        riders.start, riders.start_row_stride = part.b + skipped, 0
    return True


cdef inline void tile_riding(const Product* t, const Riders* riders, const real* x_panel, Py_ssize_t at,
                             Py_ssize_t R, Py_ssize_t V) noexcept nogil:
    """V vectors: of a row of z, of whose factors only the second is not empty, and of R riders, from element `at` on.

    In k, R steps of the row for one of the riders.
    """
    cdef vec acc[4]
    cdef vec sums[24]
    cdef Py_ssize_t turns = min(riders.K, t.second.K // R), k, i, r, v
    cdef Py_ssize_t x_row_stride = riders.row_stride, x_k_stride = riders.k_stride, panel_k_stride = V * LANES
    cdef const real* row = t.second.rows
    cdef const real* panel = t.second.panel
    cdef const real* x = riders.rows
    cdef vec s
    for v in range(V):
        acc[v] = load(t.start + v * LANES)
    for r in range(R):
        for v in range(V):
            sums[r * V + v] = load(riders.start + r * riders.start_row_stride + at + v * LANES)
    for k in range(turns):
        for r in range(R):
            s = splat(x[r * x_row_stride])
            for v in range(V):
                sums[r * V + v] = fma(s, load(x_panel + v * LANES), sums[r * V + v])
        x += x_k_stride
        x_panel += panel_k_stride
        for i in range(R):
            s = splat(row[i])
            for v in range(V):
                acc[v] = fma(s, load(panel + v * LANES), acc[v])
            panel += panel_k_stride
        row += R
    for k in range(turns, riders.K):                   # more inputs than units
        for r in range(R):
            s = splat(x[r * x_row_stride])
            for v in range(V):
                sums[r * V + v] = fma(s, load(x_panel + v * LANES), sums[r * V + v])
        x += x_k_stride
        x_panel += panel_k_stride
    for r in range(R):
        for v in range(V):
            store(riders.z + r * riders.z_row_stride + at + v * LANES, sums[r * V + v])
    for k in range(t.second.K - turns * R):
        s = splat(row[k])
        for v in range(V):
            acc[v] = fma(s, load(panel + v * LANES), acc[v])
        panel += panel_k_stride
    for v in range(V):
        store(t.z + v * LANES, acc[v])


cdef void step_riding(const Run* run, const Part* part, Py_ssize_t t, const real* ahead, const real* row,
                      const Block* at, const Riders* riders) noexcept nogil:
    """One stage of a step for one column, as `step`, with riders: a panel at a time."""
    cdef vec vectors_of_z[4]
    cdef real* z = <real*> vectors_of_z
    cdef Py_ssize_t n = run.n_a, V = part.V, V_a = part.V_a, panels = (part.width + V - 1) // V, i, panel, v, first
    cdef const real* Wx
    cdef Product p
    cdef Block block
    begin_block(&block, part, at, 1, z, 0)
    p.second.rows = row
    p.second.K = n
    p.z = z
    for i in range(panels):
        panel = i if t % 2 == 0 else panels - 1 - i
        first = panel * V * LANES
        v = min(V_a, part.width - panel * V)
        p.second.panel = part.Wa + panel * V_a * LANES * n
        p.start = ahead + first
        Wx = part.Wx + (panel * V_a * run.n_x + riders.k0 * v) * LANES
        if V_a == 2:
            tile_riding(&p, riders, Wx, first, RIDERS_2, 2)
        elif V_a == 3:
            tile_riding(&p, riders, Wx, first, RIDERS_3, 3)
        elif v == 4:
            tile_riding(&p, riders, Wx, first, RIDERS_4, 4)
        elif v == 3:
            tile_riding(&p, riders, Wx, first, RIDERS_4, 3)
        elif v == 2:
            tile_riding(&p, riders, Wx, first, RIDERS_4, 2)
        else:
            tile_riding(&p, riders, Wx, first, RIDERS_4, 1)
        for v in range(V_a, V):                        # gates without a recurrent half
            store(z + v * LANES, load(p.start + v * LANES))
        pointwise_of_panel(part, at, 0, panel, n, &block)
