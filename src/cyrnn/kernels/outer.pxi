"""The gradients of weights and biases: outer products and rows, summed over (step, column), both ascending.

One running sum over a million rows is 1% wrong in float32, and stands still at 2^24 equal ones. So rows are summed in
blocks, each a chain from zero; blocks in groups; and groups, all in their order (docs/numerics.md).
"""

cdef enum:
    BLOCK_ROWS = 256         # of one chain; as rows of both sides they stay in the cache
    GROUP_ROWS = 65536       # of 256 blocks
    OUTER_VECTORS = 3        # units copied at a time: on every ISA that many lanes are whole tiles of TILE_ROWS


cdef void add_rows_of(const real* left, Py_ssize_t left_row_stride, Py_ssize_t N, Py_ssize_t units, real* out,
                      Py_ssize_t out_stride) noexcept nogil:
    """out (units,) += the sum of the rows of left (N, units)."""
    cdef Py_ssize_t u = 0, k, i
    cdef vec block, group, total
    cdef real sums[MAX_LANES]
    while u < units:
        for i in range(LANES):
            sums[i] = out[(u + i) * out_stride] if u + i < units else 0
        total = load(sums)
        group = block = splat(0)
        for k in range(N):
            block = block + load_tail(left + k * left_row_stride + u, units - u)
            if (k + 1) % BLOCK_ROWS == 0:
                group = group + block
                block = splat(0)
            if (k + 1) % GROUP_ROWS == 0:
                total = total + group
                group = splat(0)
        store(sums, total + (group + block))
        for i in range(min(LANES, units - u)):
            out[(u + i) * out_stride] = sums[i]
        u += LANES


cdef void transpose_strip(const real* left, Py_ssize_t left_row_stride, Py_ssize_t n, Py_ssize_t units, real* out,
                          Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, out_row_stride) = left (n, units), transposed, with zeros behind n up to a whole vector."""
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t u = 0, k, i
    while u < units:
        k = 0
        while k < n:
            for i in range(LANES):
                square[i] = load_tail(left + (k + i) * left_row_stride + u, units - u) if k + i < n else splat(0)
            transpose(square)
            for i in range(min(LANES, units - u)):
                store(out + (u + i) * out_row_stride + k, square[i])
            k += LANES
        u += LANES


cdef struct Rows:
    # (N, K) in two pieces, each with that stride between rows: the hidden states before the first step stand apart
    const real* first
    Py_ssize_t first_rows
    const real* others
    Py_ssize_t row_stride


cdef inline const real* row_of(const Rows* rows, Py_ssize_t k) noexcept nogil:
    if k < rows.first_rows:
        return rows.first + k * rows.row_stride
    return rows.others + (k - rows.first_rows) * rows.row_stride


cdef void pack_panels(const Rows* right, Py_ssize_t start, Py_ssize_t n, Py_ssize_t K, real* panels) noexcept nogil:
    """n rows of right (N, K), from row `start` on, as panels (n, 4 vectors), zero-padded."""
    cdef Py_ssize_t width = vectors(K, 1), v = 0, Vp, k, i
    while v < width:
        Vp = min(4, width - v)
        for k in range(n):
            for i in range(Vp):
                store(panels + v * LANES * n + (k * Vp + i) * LANES,
                      load_tail(row_of(right, start + k) + (v + i) * LANES, K - (v + i) * LANES))
        v += Vp


cdef inline void add_row(const real* z, Py_ssize_t n, real* out) noexcept nogil:
    """out (n,) += z."""
    cdef Py_ssize_t i = 0
    while i < n:
        store_tail(out + i, load_tail(out + i, n - i) + load_tail(z + i, n - i), n - i)
        i += LANES


cdef void add_tile(Product* p, Py_ssize_t R, Py_ssize_t Vp, Py_ssize_t columns, bint from_zero, real* out,
                   Py_ssize_t out_row_stride) noexcept nogil:
    """out (R, columns) += the product, as a chain that goes on from out, or one `from_zero`.

    The panel of the product has Vp vectors: the last one may reach beyond the columns.
    """
    cdef vec tile_of_z[24]
    cdef real* z = <real*> tile_of_z
    cdef real* row
    cdef vec begin
    cdef Py_ssize_t r, i
    p.start = p.z = out
    p.start_row_stride = p.z_row_stride = out_row_stride
    if from_zero or Vp * LANES > columns:
        p.start = p.z = z
        p.start_row_stride = p.z_row_stride = Vp * LANES
        for r in range(R):
            row = out + r * out_row_stride
            for i in range(Vp):
                begin = splat(0) if from_zero else load_tail(row + i * LANES, columns - i * LANES)
                store(z + (r * Vp + i) * LANES, begin)
    product(p, R, 1, Vp)
    if p.z != z:
        return
    columns = min(columns, Vp * LANES)
    for r in range(R):
        row = out + r * out_row_stride
        if from_zero:
            add_row(z + r * Vp * LANES, columns, row)
        else:
            memcpy(row, z + r * Vp * LANES, columns * sizeof(real))


cdef void add_block(const real* panels, const real* transposed, Py_ssize_t row, Py_ssize_t n, Py_ssize_t units,
                    Py_ssize_t K, bint from_zero, real* out, Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, K) += the product of n rows: of `transposed` (units, row) and of panels."""
    cdef Py_ssize_t width = vectors(K, 1), u = 0, v, Vp, R
    cdef Product p
    p.first.K = 0
    p.start_is_column = False
    p.z_panel_stride = 0
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
            add_tile(&p, R, Vp, K - v * LANES, from_zero, out + u * out_row_stride + v * LANES, out_row_stride)
            v += Vp
        u += R


cdef void add_matrix(const real* source, Py_ssize_t units, Py_ssize_t K, real* out,
                     Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, K) += source (units, K), contiguous."""
    cdef Py_ssize_t u
    for u in range(units):
        add_row(source + u * K, K, out + u * out_row_stride)


cdef int add_outer_of(const real* left, Py_ssize_t left_row_stride, const real* first, Py_ssize_t first_rows,
                      const real* right, Py_ssize_t right_row_stride, Py_ssize_t N, Py_ssize_t units, Py_ssize_t K,
                      real* out, Py_ssize_t out_row_stride) noexcept nogil:
    """out (units, K) += left^T right, for left (N, units) and right (N, K), whose first rows stand apart.

    Returns -1 where memory is short. Both sides are copied, a block of rows at a time, for the microkernel to read
    contiguously: right as panels, left transposed, a strip of units at a time. Rows of left are
    often a whole page apart: read once, a line serves all its units (f32 LSTM (256,256,32,50) on Zen 4: 4.9 ms of 38
    went into copies of TILE_ROWS units, 0.6 so; 2026-11-26).
    """
    cdef Py_ssize_t width = vectors(K, 1), rows = min(N, BLOCK_ROWS), strip = OUTER_VECTORS * LANES
    cdef Py_ssize_t row = (rows + LANES - 1) // LANES * LANES, start = 0, n, u
    cdef Py_ssize_t group_size = units * K if N > GROUP_ROWS else 0
    cdef Rows sides
    cdef void* work
    cdef real* panels
    cdef real* transposed                      # (strip, row)
    cdef real* group                           # (units, K): the sum of a group but the first, which is in out
    if N == 0 or units == 0 or K == 0:
        return 0
    work = malloc((rows * width * LANES + strip * row + group_size) * sizeof(real) + ALIGNMENT)
    if work == NULL:
        return -1
    panels = aligned(work)
    transposed = panels + rows * width * LANES
    group = transposed + strip * row
    sides.first, sides.first_rows, sides.others, sides.row_stride = first, first_rows, right, right_row_stride
    while start < N:
        n = min(BLOCK_ROWS, N - start)
        if start > 0 and start % GROUP_ROWS == 0:
            if start > GROUP_ROWS:
                add_matrix(group, units, K, out, out_row_stride)
            memset(group, 0, group_size * sizeof(real))
        pack_panels(&sides, start, n, K, panels)
        u = 0
        while u < units:
            transpose_strip(left + start * left_row_stride + u, left_row_stride, n, min(strip, units - u), transposed,
                            row)
            if start < GROUP_ROWS:
                add_block(panels, transposed, row, n, min(strip, units - u), K, start > 0, out + u * out_row_stride,
                          out_row_stride)
            else:
                add_block(panels, transposed, row, n, min(strip, units - u), K, start % GROUP_ROWS > 0, group + u * K,
                          K)
            u += strip
        start += n
    if N > GROUP_ROWS:
        add_matrix(group, units, K, out, out_row_stride)
    free(work)
    return 0
