"""Rows of x that are tokens: each stands for a row that is 1 at its place and 0 everywhere else.

Of W_x x one column is left, and so are its bits: fma(w, 1, z) is z + w rounded once, fma(w, 0, z) is z, but for the
sign of a zero, which ../calls/tokens.pxi settles in b. A packed column is V vectors of every panel; no other is read.

Its gradient is a scatter: of the sums over rows in blocks (outer.pxi) a column has the rows with its token alone. What
others add to a sum that began with +0 is a zero, and changes nothing.
"""

cdef void project_tokens(const Run* run, const StagePlan* plan, Py_ssize_t t0, Py_ssize_t t1) noexcept nogil:
    """projected (t1 - t0, m, width) = b + W_x x for the steps t0 <= t < t1, of the rows that take part."""
    cdef Py_ssize_t V = plan.V_x, skipped = plan.stage.gates - plan.stage.input, t, column, panel, token, Vp, v
    cdef const real* weights
    cdef const real* start
    cdef real* row
    cdef real* z
    for t in range(t0, t1):
        for column in range(batch_size_at(run.batch_sizes, run.batch_offset, run.m, t)):
            token = token_at(run, t, column)
            row = plan.projected + ((t - t0) * run.m + column) * plan.width * LANES
            panel = 0
            while panel * plan.V < plan.width:
                Vp = min(V, plan.width - panel * plan.V)
                weights = plan.Wx + (panel * V * run.n_x + token * Vp) * LANES
                start = plan.b + (panel * plan.V + skipped) * LANES
                z = row + (panel * plan.V + skipped) * LANES
                for v in range(Vp):
                    store(z + v * LANES, load(start + v * LANES) + load(weights + v * LANES))
                panel += 1


cdef enum:
    TOKEN_VECTORS = 4        # units summed at a time


cdef inline void add_columns_of(const TokenSum* s, Py_ssize_t u, Py_ssize_t V) noexcept nogil:
    """The sums of V vectors of units, from unit u on."""
    cdef vec block[TOKEN_VECTORS]
    cdef vec group[TOKEN_VECTORS]
    cdef real sums[TOKEN_VECTORS * MAX_LANES]
    cdef Py_ssize_t i = 0, kind, v, current, row
    cdef const real* left
    cdef real* out
    for kind in range(s.kinds):
        current = s.rows[i] // BLOCK_ROWS
        for v in range(V):
            group[v] = block[v] = splat(0)
        while i < s.ends[kind]:
            row = s.rows[i]
            if row // BLOCK_ROWS != current:
                current = row // BLOCK_ROWS
                for v in range(V):
                    group[v] = group[v] + block[v]
                    block[v] = splat(0)
            left = s.left + row * s.left_row_stride + u
            for v in range(V):
                block[v] = block[v] + load_tail(left + v * LANES, s.units - u - v * LANES)
            i += 1
        for v in range(V):
            store(sums + v * LANES, group[v] + block[v])
        out = s.out + u * s.out_row_stride + s.tokens[kind]
        for row in range(min(V * LANES, s.units - u)):
            out[row * s.out_row_stride] += sums[row]


cdef void add_tokens_of(const TokenSum* s) noexcept nogil:
    """All sums; some units at a time, since neighbouring columns of their rows share lines of the cache."""
    cdef Py_ssize_t u = 0
    while u < s.units:
        if s.units - u > (TOKEN_VECTORS - 1) * LANES:
            add_columns_of(s, u, TOKEN_VECTORS)
            u += TOKEN_VECTORS * LANES
        else:
            add_columns_of(s, u, 1)
            u += LANES
