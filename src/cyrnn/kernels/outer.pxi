"""The gradients of weights and biases: outer products and rows, summed over (step, column), both ascending.

One running sum over a million rows is 1% wrong in float32, and stands still at 2^24 equal ones. So rows are summed in
blocks, each a chain from zero; blocks in groups; and groups, all in their order (docs/explanation/numerics.md).
"""

cdef enum:
    OUTER_VECTORS = 3        # units copied at a time: on every ISA that many lanes are whole tiles of TILE_ROWS
    COLUMN_VECTORS = 4       # units of a bias summed at a time


cdef inline void add_columns(const real* left, Py_ssize_t left_row_stride, const real* right,
                             Py_ssize_t right_row_stride, Py_ssize_t N, Py_ssize_t units, real* out,
                             Py_ssize_t out_stride, Py_ssize_t V) noexcept nogil:
    """out (units,) += the sum of the rows of left (N, units), times those of right unless it is NULL; V vectors."""
    cdef vec block[COLUMN_VECTORS]
    cdef vec group[COLUMN_VECTORS]
    cdef vec total[COLUMN_VECTORS]
    cdef vec row
    cdef real sums[COLUMN_VECTORS * MAX_LANES]
    cdef Py_ssize_t k, v, i
    for i in range(V * LANES):
        sums[i] = out[i * out_stride] if i < units else 0
    for v in range(V):
        total[v] = load(sums + v * LANES)
        group[v] = block[v] = splat(0)
    for k in range(N):
        for v in range(V):
            row = load_tail(left + k * left_row_stride + v * LANES, units - v * LANES)
            if right == NULL:
                block[v] = block[v] + row
            else:
                block[v] = fma(row, load_tail(right + k * right_row_stride + v * LANES, units - v * LANES), block[v])
        if (k + 1) % BLOCK_ROWS == 0:
            for v in range(V):
                group[v] = group[v] + block[v]
                block[v] = splat(0)
        if (k + 1) % GROUP_ROWS == 0:
            for v in range(V):
                total[v] = total[v] + group[v]
                group[v] = splat(0)
    for v in range(V):
        store(sums + v * LANES, total[v] + (group[v] + block[v]))
    for i in range(min(V * LANES, units)):
        out[i * out_stride] = sums[i]


cdef void add_rows_of(const real* left, Py_ssize_t left_row_stride, Py_ssize_t N, Py_ssize_t units, real* out,
                      Py_ssize_t out_stride) noexcept nogil:
    """out (units,) += the sum of the rows of left (N, units).

    Rows are often a whole page apart, where nothing is prefetched: the more of one is read at a time, the better.
    """
    cdef Py_ssize_t u = 0
    while u < units:
        if units - u > (COLUMN_VECTORS - 1) * LANES:
            add_columns(left + u, left_row_stride, NULL, 0, N, units - u, out + u * out_stride, out_stride,
                        COLUMN_VECTORS)
            u += COLUMN_VECTORS * LANES
        else:
            add_columns(left + u, left_row_stride, NULL, 0, N, units - u, out + u * out_stride, out_stride, 1)
            u += LANES


cdef void add_products_of(const real* left, Py_ssize_t left_row_stride, const real* right, Py_ssize_t right_row_stride,
                          Py_ssize_t N, Py_ssize_t units, real* out) noexcept nogil:
    """out (units,) += the sum of the rows of left (N, units) times those of right (N, units)."""
    cdef Py_ssize_t u = 0
    while u < units:
        if units - u > (COLUMN_VECTORS - 1) * LANES:
            add_columns(left + u, left_row_stride, right + u, right_row_stride, N, units - u, out + u, 1,
                        COLUMN_VECTORS)
            u += COLUMN_VECTORS * LANES
        else:
            add_columns(left + u, left_row_stride, right + u, right_row_stride, N, units - u, out + u, 1, 1)
            u += LANES


cdef inline const real* row_of_right(const OuterRight* right, Py_ssize_t k) noexcept nogil:
    if right.resets != NULL and right.resets[k]:
        return right.initial + k % right.initial_rows * right.row_stride
    if k < right.first_rows:
        return right.first + k * right.row_stride
    return right.rows + (k - right.first_rows) * right.row_stride


cdef void pack_panels(const OuterRight* right, Py_ssize_t row, Py_ssize_t n, real* panels) noexcept nogil:
    """n rows of right, from that row on, as panels (n, 4 vectors), zero-padded."""
    cdef Py_ssize_t width = vectors(right.K, 1), v = 0, Vp, k, i
    cdef const real* source
    while v < width:
        Vp = min(4, width - v)
        for k in range(n):
            source = row_of_right(right, row + k)
            for i in range(Vp):
                store(panels + v * LANES * n + (k * Vp + i) * LANES,
                      load_tail(source + (v + i) * LANES, right.K - (v + i) * LANES))
        v += Vp


cdef void add_block(const real* panels, const real* transposed, Py_ssize_t row, Py_ssize_t n, Py_ssize_t units,
                    Py_ssize_t K, How how, real* out, Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, K) = or += the product of n rows: of `transposed` (units, row) and of panels."""
    cdef Py_ssize_t width = vectors(K, 1), u = 0, v, Vp, R
    cdef Product p
    p.first.K = 0
    p.ahead = NULL
    p.second.K = n
    p.second.row_stride = row
    p.second.k_stride = 1
    while u < units:
        p.second.rows = transposed + u * row
        R = min(TILE_ROWS, units - u)
        v = 0
        while v < width:
            Vp = min(4, width - v)
            p.second.panel = panels + v * LANES * n
            p.second.panel_k_stride = Vp * LANES
            product_to(&p, R, 1, Vp, K - v * LANES, how, out + u * out_row_stride + v * LANES, out_row_stride)
            v += Vp
        u += R


cdef void add_matrix(const real* source, Py_ssize_t units, Py_ssize_t K, real* out,
                     Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, K) += source (units, K), contiguous."""
    cdef Py_ssize_t u
    for u in range(units):
        add_row(source + u * K, K, out + u * out_row_stride)


cdef inline Py_ssize_t all_columns(const OuterSum* s, Py_ssize_t rights) noexcept nogil:
    """Of so many rights together."""
    cdef Py_ssize_t i, columns = 0
    for i in range(rights):
        columns += s.right[i].K
    return columns


cdef inline real* group_of(const OuterSum* s, Py_ssize_t g, Py_ssize_t i) noexcept nogil:
    """(units, K): the sum of a group, of gate g and right i."""
    return s.group + s.units * (g * all_columns(s, s.rights) + all_columns(s, i))


cdef void add_gate(const OuterSum* s, Py_ssize_t g, Py_ssize_t start, Py_ssize_t n, const real* panels,
                   real* transposed, Py_ssize_t transposed_row) noexcept nogil:
    """One gate's share of a block of n rows: strips of its left, transposed, times the panels of all rights."""
    cdef Py_ssize_t strip = OUTER_VECTORS * LANES, u = 0, k, units, i, out_row_stride
    cdef const real* left = s.left + start * s.left_row_stride + g * s.left_gate_stride
    cdef const real* panels_of
    cdef real* out
    while u < s.units:
        units = min(strip, s.units - u)
        k = 0
        while k < n:
            transpose_rows(left + k * s.left_row_stride + u, s.left_row_stride, min(LANES, n - k), units,
                           transposed + k, transposed_row)
            k += LANES
        panels_of = panels
        for i in range(s.rights):
            if s.out[g][i] != NULL:
                out, out_row_stride = s.out[g][i], s.out_row_stride[i]
                if start >= GROUP_ROWS:
                    out, out_row_stride = group_of(s, g, i), s.right[i].K
                add_block(panels_of, transposed, transposed_row, n, units, s.right[i].K,
                          WRITTEN if start % GROUP_ROWS == 0 else ADDED, out + u * out_row_stride, out_row_stride)
            panels_of += n * vectors(s.right[i].K, 1) * LANES
        u += strip


cdef int sum_outer_of(const OuterSum* s) noexcept nogil:
    """Some rows of all sums. Returns -1 where memory is short.

    Both sides are copied, a block of rows at a time, for the microkernel to read contiguously: rights as panels, once
    for all gates; left transposed, a strip of units at a time, once for all rights. Rows of left are often a whole page
    apart: read once, a line serves all its units (f32 LSTM (256,256,32,50) on Zen 4: 4.9 ms of 38 went into copies of
    TILE_ROWS units, 0.6 so; 2026-11-26).
    """
    cdef Py_ssize_t rows = min(s.stop - s.start, BLOCK_ROWS), start = s.start, width = 0, n, g, i
    cdef Py_ssize_t transposed_row = (rows + LANES - 1) // LANES * LANES
    cdef void* work
    cdef real* transposed                      # (strip, transposed_row)
    cdef real* panels                          # of one right behind the other
    cdef real* panels_of
    for i in range(s.rights):
        width += vectors(s.right[i].K, 1)
    if rows <= 0 or s.units == 0 or width == 0:
        return 0
    work = malloc((rows * width * LANES + OUTER_VECTORS * LANES * transposed_row) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    panels = aligned(work)
    transposed = panels + rows * width * LANES
    while start < s.stop:
        n = min(BLOCK_ROWS, s.stop - start)
        panels_of = panels
        for i in range(s.rights):
            pack_panels(&s.right[i], start, n, panels_of)
            panels_of += n * vectors(s.right[i].K, 1) * LANES
        for g in range(s.gates):
            add_gate(s, g, start, n, panels, transposed, transposed_row)
        start += n
        if start > GROUP_ROWS and (start == s.N or start % GROUP_ROWS == 0):
            for g in range(s.gates):
                for i in range(s.rights):
                    if s.out[g][i] != NULL:
                        add_matrix(group_of(s, g, i), s.units, s.right[i].K, s.out[g][i], s.out_row_stride[i])
    free(work)
    return 0
