"""The time loop over packed weights, units in lanes.

Design. The input half of every chain, b + W_x x, does not wait for the steps before it, so it runs ahead of the time
loop for a block of steps at once; the loop itself then reads W_a alone, which stays in the cache where both would not
(2 MB of L2, f32 LSTM 256,256,32,50: 68 GFLOP/s with both products fused, 132 so; Xeon with AVX-512, 2026-11-23).
A tile of pre-activations is summed in registers, stored to a small buffer in L1, and the cell's pointwise function
turns it into gates and next states at once.
"""

cdef enum:
    # The work area of the input product: 512 KB on AVX-512, but at least one step and, if T allows, 48 rows of z; and
    # half of what W_x takes, so that a W_x that no cache holds is read once for many rows (f32 1024,1024,64,25: 13%).
    WORK_VECTORS = 8192
    WORK_ROWS = 48
    TILE_VECTORS = 32        # of z at a time: 8 rows of one panel, 1 row of 8

ctypedef struct Part:
    # One stage of a run. V: vectors of a panel, of all gates, of those with an input half, with a recurrent half.
    const Stage* stage
    Py_ssize_t V, V_x, V_a
    Py_ssize_t width         # vectors of a row of z
    const real* Wx           # packed
    const real* Wa
    const real* b
    real* ahead              # (steps, m, width): b + W_x x of some steps


cdef Py_ssize_t parts_of(const Run* run, Part* parts) noexcept nogil:
    """Find the weights of each stage; return how many vectors a row of z has in all of them together."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef const Stage* stage
    cdef const real* Wx = run.Wx
    cdef const real* Wa = run.Wa
    cdef const real* b = run.b
    cdef Py_ssize_t s, width = 0
    for s in range(cell.stages):
        stage = &cell.stage[s]
        parts[s].stage = stage
        parts[s].V, parts[s].V_x = vectors_per_panel(stage.gates), vectors_per_panel(stage.input)
        parts[s].V_a, parts[s].width = vectors_per_panel(stage.hidden), vectors(run.n_a, stage.gates)
        parts[s].Wx, parts[s].Wa, parts[s].b = Wx, Wa, b
        Wx += packed_elements(run.n_a, run.n_x, stage.input)
        Wa += packed_elements(run.n_a, run.n_a, stage.hidden)
        b += packed_elements(run.n_a, 1, stage.gates)
        width += parts[s].width
    return width


cdef inline Py_ssize_t taking_part(const Py_ssize_t* active, Py_ssize_t first, Py_ssize_t m,
                                   Py_ssize_t t) noexcept nogil:
    """How many of m columns, from the first on, take part in step t."""
    return m if active == NULL else max(0, min(m, active[t] - first))


cdef inline bint halves_apart(const Part* part) noexcept nogil:
    return part.stage.input < part.stage.gates


cdef inline Py_ssize_t steps_ahead(const Run* run, Py_ssize_t width, bint always) noexcept nogil:
    """For how many steps the input product runs ahead; 0 where there is nothing to gain."""
    if (run.T < 2 and not always) or run.T == 0 or run.m == 0 or width == 0:
        return 0
    return min(run.T, max(1, max(WORK_ROWS, max(WORK_VECTORS // width, run.n_x // 2)) // run.m))


cdef void input_ahead(const Run* run, const Part* part, Py_ssize_t t0, Py_ssize_t t1) noexcept nogil:
    """ahead (t1 - t0, m, width) = b + W_x x for the steps t0 <= t < t1: the first half of every chain."""
    cdef Py_ssize_t V = part.V_x, total = (t1 - t0) * run.m, row, column, panel = 0, t, R, Vp, most
    cdef Py_ssize_t skipped = part.stage.gates - part.stage.input          # vectors before those with an input half
    cdef bint evenly = run.active == NULL and (run.m == 1 or run.x_t == run.m * run.x_m)
    cdef Product p
    p.second.K = 0
    p.start_is_column = False
    p.start_row = 0
    p.z_row = part.width * LANES
    p.z_next = 0
    p.first.K = run.n_x
    p.first.row = run.x_m if run.m > 1 else run.x_t
    p.first.row_k = run.x_k
    while panel * part.V < part.width:
        Vp = min(V, part.width - panel * part.V)
        most = most_rows(1, Vp)
        p.first.panel = part.Wx + panel * V * LANES * run.n_x
        p.first.panel_k = Vp * LANES
        p.start = part.b + (panel * part.V + skipped) * LANES
        row = 0
        while row < total:
            t, column = t0 + row // run.m, row % run.m
            # rows of one tile must be evenly spaced in x: over steps if x is, else within one step
            if evenly:
                R = min(most, total - row)
            else:
                R = min(most, taking_part(run.active, run.first, run.m, t) - column)
                if R <= 0:
                    row += run.m - column
                    continue
            p.first.rows = run.x + t * run.x_t + column * run.x_m
            p.z = part.ahead + row * p.z_row + (panel * part.V + skipped) * LANES
            product(&p, R, 1, Vp)
            row += R
        panel += 1


cdef void bias_ahead(const Part* part, Py_ssize_t rows) noexcept nogil:
    """The gates without an input half in the rows of `ahead`: b, for good."""
    cdef Py_ssize_t row, v, g
    for row in range(rows):
        v = 0
        while v < part.width:
            for g in range(part.stage.gates - part.stage.input):
                store(part.ahead + (row * part.width + v + g) * LANES, load(part.b + (v + g) * LANES))
            v += part.V


cdef void step(const Run* run, const Part* part, Py_ssize_t t, Py_ssize_t m, const real* ahead, const real* rows,
               const Block* at) noexcept nogil:
    """One stage of a step for m rows of the batch: W_a times `rows` (m, n_a), then pointwise.

    `ahead` (m, width): this step's b + W_x x, or NULL to sum it here. `at`: what the first row and unit is given.
    """
    cdef vec tile_of_z[TILE_VECTORS]
    cdef real* z = <real*> tile_of_z
    cdef Py_ssize_t n = run.n_a, V = part.V, V_a = part.V_a, width = part.width
    cdef Py_ssize_t per = units_per_panel(part.stage.gates), panels = (width + V - 1) // V, full = width // V
    cdef Py_ssize_t row, R, first, P, Vp, p, q, r, v, i, left = panels
    cdef Product product_of
    cdef Product* o = &product_of
    cdef Block block = at[0]
    block.z_gate = per
    o.start_is_column = False
    o.first.K = 0
    o.second.K = n
    o.second.row = n
    o.second.row_k = 1
    o.z = z
    o.z_next = V * LANES
    if ahead == NULL:
        o.first.K = run.n_x
        o.first.row = run.x_m
        o.first.row_k = run.x_k
    while left > 0:
        # odd steps go through the panels backwards: the last ones are still in the cache (+20% at n = 256)
        if t % 2 == 0:
            first = panels - left
            P = panels_at_once(m, V_a, full - first) if first < full else 1
        elif left > full:
            P, first = 1, left - 1
        else:
            P = panels_at_once(m, V_a, left)
            first = left - P
        left -= P
        Vp = min(V_a, width - first * V)
        o.first.panel = part.Wx + first * V_a * LANES * run.n_x
        o.first.panel_next = V_a * LANES * run.n_x
        o.first.panel_k = Vp * LANES
        o.second.panel = part.Wa + first * V_a * LANES * n
        o.second.panel_next = V_a * LANES * n
        o.second.panel_k = Vp * LANES
        o.z_row = block.z_row = P * V * LANES
        row = 0
        while row < m:
            R = even_share(m - row, most_rows(P, Vp))
            o.second.rows = rows + row * n
            if ahead == NULL:
                o.first.rows = run.x + t * run.x_t + row * run.x_m
                o.start = part.b + first * V * LANES
                o.start_row = 0
            else:
                o.start = ahead + (row * width + first * V) * LANES
                o.start_row = width * LANES
            product(o, R, P, Vp)
            for v in range(V_a, V):                    # gates without a recurrent half
                for r in range(R):
                    for p in range(P):
                        store(z + r * o.z_row + (p * V + v) * LANES,
                              load(o.start + r * o.start_row + (p * V + v) * LANES))
            block.rows = R
            for q in range(P):
                i = row * n + (first + q) * per
                block.z = z + q * V * LANES
                block.n = min(per, n - (first + q) * per)
                block.previous = at.previous + i
                block.next = at.next + i
                block.gates = NULL if at.gates == NULL else at.gates + i
                part.stage.pointwise(&block)
            row += R


cdef void all_stages(const Run* run, const Part* parts, Py_ssize_t t, Py_ssize_t ahead_at,
                     real* between) noexcept nogil:
    """One step. ahead_at: which step of `ahead` it is, or -1; between (1 + kept, m, n_a): room between two stages."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n = run.n_a, s, m = taking_part(run.active, run.first, run.m, t)
    cdef const real* ahead
    cdef Block at
    at.row = n
    at.state = run.state + t * (run.other_t - run.columns * n)
    if t > 0:
        at.previous = run.states + (t - 1) * run.columns * n
        at.previous_state = run.state + (t - 1) * (run.other_t - run.columns * n)
    else:
        at.previous = run.initial
        at.previous_state = run.initial_state
    at.gates = NULL
    at.gate = run.columns * n
    if run.gates != NULL:
        at.gates = run.gates + cell.kept * t * run.columns * n
    elif between != NULL:
        at.gates = between + run.m * n
        at.gate = run.m * n
    for s in range(cell.stages):
        ahead = NULL
        if ahead_at >= 0:
            ahead = parts[s].ahead + ahead_at * run.m * parts[s].width * LANES
        at.next = run.states + t * run.columns * n if s + 1 == cell.stages else between
        step(run, &parts[s], t, m, ahead, at.previous if s == 0 else between, &at)


cdef int forward_units(const Run* run) noexcept nogil:
    """All T steps, units in lanes. Returns -1 where the work area cannot be had."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Part parts[MOST_STAGES]
    cdef Py_ssize_t t, s, t0 = 0, t1, width = parts_of(run, parts)
    cdef Py_ssize_t steps = steps_ahead(run, width, halves_apart(&parts[0]))
    cdef Py_ssize_t room = steps * run.m * width * LANES
    cdef void* work
    cdef real* between = NULL
    if cell.stages > 1:
        room += (1 + cell.kept) * run.m * run.n_a
    if room == 0:
        for t in range(run.T):
            all_stages(run, parts, t, -1, NULL)
        return 0
    work = malloc(room * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    parts[0].ahead = aligned(work)
    for s in range(1, cell.stages):
        parts[s].ahead = parts[s - 1].ahead + steps * run.m * parts[s - 1].width * LANES
    if cell.stages > 1:
        between = aligned(work) + steps * run.m * width * LANES
    if steps == 0:
        for t in range(run.T):
            all_stages(run, parts, t, -1, between)
    elif halves_apart(&parts[0]):
        bias_ahead(&parts[0], steps * run.m)
    while t0 < run.T and steps > 0:
        t1 = min(run.T, t0 + steps)
        for s in range(cell.stages):
            input_ahead(run, &parts[s], t0, t1)
        for t in range(t0, t1):
            all_stages(run, parts, t, t - t0, between)
        t0 = t1
    free(work)
    return 0
