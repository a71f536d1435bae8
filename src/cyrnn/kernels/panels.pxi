"""Matrices as the products read them, packed or transposed and packed; and x with its features contiguous."""

cdef enum:
    COLUMNS_AT_ONCE = 64     # of one vector of a panel, before the next
    TRANSPOSED_STEPS = 16    # at a time


cdef Py_ssize_t packed_elements(Py_ssize_t units, Py_ssize_t K, Py_ssize_t gates) noexcept nogil:
    return vectors(units, gates) * LANES * K


cdef inline void load_transposed(const real* p, Py_ssize_t row_stride, vec* square) noexcept nogil:
    """square[k] = column k of the LANES by LANES elements at p, whose rows are `row_stride` apart."""
    cdef Py_ssize_t i
    for i in range(LANES):
        square[i] = load(p + i * row_stride)
    transpose(square)


cdef void pack_lanes(const real* W, Py_ssize_t row_stride, Py_ssize_t col_stride, Py_ssize_t n, Py_ssize_t K,
                     real* out, Py_ssize_t out_k) noexcept nogil:
    """out[k * out_k + lane] = W[lane, k] for the first n lanes, 0 for the others.

    W is (n, K); whole squares of LANES by LANES are transposed in registers.
    """
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t i, k = 0
    if col_stride == 1 and n == LANES:
        while k + LANES <= K:
            load_transposed(W + k, row_stride, square)
            for i in range(LANES):
                store(out + (k + i) * out_k, square[i])
            k += LANES
    elif row_stride == 1 and n == LANES:
        while k < K:
            store(out + k * out_k, load(W + k * col_stride))
            k += 1
    while k < K:
        gather(W + k * col_stride, row_stride, n, out + k * out_k)
        for i in range(n, LANES):
            out[k * out_k + i] = 0
        k += 1


cdef struct Matrix:
    # W (units, K)
    const real* W
    Py_ssize_t row_stride, col_stride


cdef void pack_matrices(const Matrix* W, Py_ssize_t gates, Py_ssize_t units, Py_ssize_t K, Py_ssize_t first_k,
                        Py_ssize_t whole_K, real* out) noexcept nogil:
    """Pack `gates` matrices (units, K), those that are NULL left out, as the rows from first_k on of panels (whole_K).

    Panels outside, then some columns, then the vectors of a panel: so both sides are read and written almost in order,
    at the speed of a copy. One matrix after the other took 1.6 times as long (LSTM (512, 512), float32; Xeon with
    AVX-512, 2026-11-28).
    """
    cdef Py_ssize_t V = vectors_per_panel(gates), own = units_per_panel(gates)
    cdef Py_ssize_t unit = 0, width, k, v, row
    cdef const Matrix* m
    while unit < units:
        width = min(V, vectors(units - unit, gates))
        k = 0
        while k < K:
            for v in range(width):
                m = W if gates == 1 else W + v
                row = unit + v * LANES if gates == 1 else unit
                if m.W != NULL:
                    pack_lanes(m.W + row * m.row_stride + k * m.col_stride, m.row_stride, m.col_stride,
                               min(LANES, units - row), min(COLUMNS_AT_ONCE, K - k),
                               out + ((first_k + k) * width + v) * LANES, width * LANES)
            k += COLUMNS_AT_ONCE
        out += whole_K * width * LANES
        unit += own


cdef void pack_gate(const real* W, Py_ssize_t row_stride, Py_ssize_t col_stride, Py_ssize_t units, Py_ssize_t K,
                    Py_ssize_t gate, Py_ssize_t gates, real* out) noexcept nogil:
    """Pack one gate's W (units, K) into its share of the panels of `gates` such matrices."""
    cdef Matrix matrices[MAX_GATES]
    memset(matrices, 0, sizeof(matrices))
    matrices[gate] = Matrix(W, row_stride, col_stride)
    pack_matrices(matrices, gates, units, K, 0, K, out)


cdef void pack_transposed_gate(const real* W, Py_ssize_t row_stride, Py_ssize_t col_stride, Py_ssize_t n,
                               Py_ssize_t units, Py_ssize_t gate, Py_ssize_t gates, real* out) noexcept nogil:
    """Pack one gate's W^T (units, n), for W (n, units), as its columns of one matrix (units, gates * n)."""
    cdef Matrix transposed = Matrix(W, col_stride, row_stride)
    pack_matrices(&transposed, 1, units, n, gate * n, gates * n, out)


cdef void transpose_rows(const real* x, Py_ssize_t row_stride, Py_ssize_t rows, Py_ssize_t cols, real* out,
                         Py_ssize_t out_row_stride) noexcept nogil:
    """out (cols, rows) = x (rows, cols), unit stride along each, for up to LANES rows: in squares, if they fill one."""
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t i, j = 0
    if rows * min(cols, LANES) < 4 * LANES:
        for j in range(cols):
            gather(x + j, row_stride, rows, out + j * out_row_stride)
        return
    while j < cols:
        load_rows(x + j, row_stride, rows, min(LANES, cols - j), square)
        transpose(square)
        for i in range(min(LANES, cols - j)):
            store_tail(out + (j + i) * out_row_stride, square[i], rows)
        j += LANES


cdef void transpose_step(const real* x, Py_ssize_t x_stride_k, Py_ssize_t x_stride_m, Py_ssize_t n, Py_ssize_t m,
                         real* out) noexcept nogil:
    """out (m, n) = x (n, m) with these strides."""
    cdef Py_ssize_t k = 0, j
    if x_stride_m == 1 and x_stride_k != 1:
        while k < n:
            transpose_rows(x + k * x_stride_k, x_stride_k, min(LANES, n - k), m, out + k, n)
            k += LANES
        return
    for j in range(m):
        if x_stride_k == 1:
            copy_row(x + j * x_stride_m, n, out + j * n)
        else:
            gather(x + j * x_stride_m, x_stride_k, n, out + j * n)


cdef void transpose_steps(const real* x, Py_ssize_t x_stride_k, Py_ssize_t x_stride_m, Py_ssize_t x_stride_t,
                          Py_ssize_t n, Py_ssize_t m, Py_ssize_t T, real* out) noexcept nogil:
    """out (T, m, n) = x (n, m, T) with these strides: the features of a column become contiguous.

    Where steps are contiguous in x some at a time: all of them are a page apart, or more, in out.
    """
    cdef Py_ssize_t k, j, t = 0, steps
    if x_stride_t != 1 or x_stride_k == 1 or T == 1:
        for t in range(T):
            transpose_step(x + t * x_stride_t, x_stride_k, x_stride_m, n, m, out + t * m * n)
        return
    while t < T:
        steps = min(TRANSPOSED_STEPS, T - t)
        for j in range(m):
            k = 0
            while k < n:
                transpose_rows(x + k * x_stride_k + j * x_stride_m + t, x_stride_k, min(LANES, n - k), steps,
                               out + (t * m + j) * n + k, m * n)
                k += LANES
        t += steps
