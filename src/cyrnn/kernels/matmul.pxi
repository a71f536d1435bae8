"""Packed products in the canonical order.

Every pre-activation is one chain of fused multiply-adds in the array's own dtype, k ascending:

    z = b;   z = fma(x[k], W_x[j, k], z) for each k;   then   z = fma(a[k], W_a[j, k], z) for each k

Design. Lanes run across the columns of z and never across k, so the chain of one element is the same whatever stands
beside it: that is the whole secret of the same bits for every batch, layout and ISA. Two ways of laying z out use the
same microkernel:
    units in lanes   rows are rows of the batch, columns are units: wants W packed, once, and then serves every step
    batch in lanes   rows are units, columns are the batch: reads the notebook's own layout, nothing to pack
A tile of z is R rows by P panels of V vectors, kept in registers over both factors; R, P and V are constants at every
place where `tile` is expanded. 6 x 4 vectors of 16 reach the FMA peak on AVX-512, 3 x 4 on AVX2 (DESIGN section 4).

Packed form of `gates` stacked matrices (units, K): panels of V vectors, [panel][k][V][LANES], zero-padded to full
vectors. With several gates V = gates, and a panel holds LANES units of each gate; with one gate V = 4, and a panel
holds 4 * LANES units, the last one only as many vectors as it needs.
"""

cdef enum:
    ALIGNMENT = 64           # bytes: a cache line, and the widest vector

ctypedef struct Factor:
    # one product: `rows` (R, K) times `panel` (K, P * V * LANES), added to the tile. Strides in elements.
    Py_ssize_t K
    const real* rows
    Py_ssize_t row           # from row to row
    Py_ssize_t row_k         # from k to k
    const real* panel
    Py_ssize_t panel_next    # from panel to panel
    Py_ssize_t panel_k       # from k to k

ctypedef struct Product:
    Factor first
    Factor second            # K = 0 where there is one factor only
    const real* start        # what each chain starts from: row r of the tile starts from start + r * start_row
    Py_ssize_t start_row     # 0: the same row for all, a bias
    bint start_is_column     # start[r * start_row] for the whole row: a bias where rows are units
    real* z                  # (R, P * V * LANES), may be the same memory as start
    Py_ssize_t z_row


cdef inline void extend(vec* acc, const Factor* f, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    """acc (R, P, V) += rows panel, k ascending."""
    cdef Py_ssize_t k, r, p, v
    cdef const real* rows = f.rows
    cdef const real* panel = f.panel
    cdef Py_ssize_t row = f.row, row_k = f.row_k, panel_k = f.panel_k, panel_next = f.panel_next
    cdef vec s
    for k in range(f.K):
        for r in range(R):
            s = splat(rows[r * row])
            for p in range(P):
                for v in range(V):
                    acc[(r * P + p) * V + v] = fma(s, load(panel + p * panel_next + v * LANES),
                                                   acc[(r * P + p) * V + v])
        rows += row_k
        panel += panel_k


cdef inline void tile(const Product* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    cdef vec acc[24]
    cdef Py_ssize_t r, v
    for r in range(R):
        for v in range(P * V):
            if t.start_is_column:
                acc[r * P * V + v] = splat(t.start[r * t.start_row])
            else:
                acc[r * P * V + v] = load(t.start + r * t.start_row + v * LANES)
    extend(acc, &t.first, R, P, V)
    extend(acc, &t.second, R, P, V)
    for r in range(R):                      # ascending: where rows overlap, the later row wins
        for v in range(P * V):
            store(t.z + r * t.z_row + v * LANES, acc[r * P * V + v])


cdef inline void tile_of_rows(const Product* t, Py_ssize_t R, Py_ssize_t V) noexcept nogil:
    """One panel of V vectors and R rows, 1 <= R <= TILE_ROWS."""
    if R == 1:
        tile(t, 1, 1, V)
    elif R == 2:
        tile(t, 2, 1, V)
    elif R == 3:
        tile(t, 3, 1, V)
    elif TILE_ROWS > 3:
        if R == 4:
            tile(t, 4, 1, V)
        elif R == 5:
            tile(t, 5, 1, V)
        else:
            tile(t, 6, 1, V)


cdef void product(const Product* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    """z (R, P * V * LANES): R <= TILE_ROWS; P <= most_panels(R, V)."""
    if V == 4:
        if P == 1:
            tile_of_rows(t, R, 4)
        elif R == 1 and P == 2:
            tile(t, 1, 2, 4)
        elif TILE_ROWS > 3:
            if R == 1 and P == 3:
                tile(t, 1, 3, 4)
            elif R == 1:
                tile(t, 1, 4, 4)
            elif R == 2:
                tile(t, 2, 2, 4)
            else:
                tile(t, 3, 2, 4)
    elif V == 3:
        tile_of_rows(t, R, 3)
    elif V == 2:
        tile_of_rows(t, R, 2)
    else:
        tile_of_rows(t, R, 1)


cdef inline Py_ssize_t most_panels(Py_ssize_t R, Py_ssize_t V) noexcept nogil:
    """How many panels at once keep the FMA units busy for R rows: few rows alone are too few chains."""
    if V != 4:
        return 1
    if TILE_ROWS > 3:
        return 4 if R == 1 else 2 if R <= 3 else 1
    return 2 if R == 1 else 1


cdef inline real* aligned(void* memory) noexcept nogil:
    """The first whole cache line of memory that was asked for with ALIGNMENT bytes to spare.

    A vector that crosses a line costs two: f32 LSTM (128,128,1,100) took 348 us on packed weights that began anywhere,
    250 on aligned ones (Xeon with AVX-512, 2026-11-23).
    """
    return <real*> ((<size_t> memory + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)


# ---- packing ----------------------------------------------------------------------------------------------------

cdef inline Py_ssize_t vectors_per_panel(Py_ssize_t gates) noexcept nogil:
    return 4 if gates == 1 else gates


cdef inline Py_ssize_t units_per_panel(Py_ssize_t gates) noexcept nogil:
    return 4 * LANES if gates == 1 else LANES


cdef inline Py_ssize_t vectors(Py_ssize_t units, Py_ssize_t gates) noexcept nogil:
    """How many vectors all panels of `gates` matrices have together: the width of z."""
    return gates * ((units + LANES - 1) // LANES)


cdef Py_ssize_t packed_elements(Py_ssize_t units, Py_ssize_t K, Py_ssize_t gates) noexcept nogil:
    return vectors(units, gates) * LANES * K


cdef inline void load_turned(const real* p, Py_ssize_t row, vec* square) noexcept nogil:
    """square[k] = column k of the LANES by LANES elements at p, whose rows are `row` apart."""
    cdef Py_ssize_t i
    for i in range(LANES):
        square[i] = load(p + i * row)
    transpose(square)


cdef void pack_lanes(const real* W, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n, Py_ssize_t K,
                     real* out, Py_ssize_t out_k) noexcept nogil:
    """out[k * out_k + lane] = W[lane, k] for the first n lanes, 0 for the others.

    W is (n, K) with strides row and col; whole squares of LANES by LANES turn in registers.
    """
    cdef vec square[MAX_LANES]
    cdef Py_ssize_t i, k = 0
    if col == 1 and n == LANES:
        while k + LANES <= K:
            load_turned(W + k, row, square)
            for i in range(LANES):
                store(out + (k + i) * out_k, square[i])
            k += LANES
    elif row == 1 and n == LANES:
        while k < K:
            store(out + k * out_k, load(W + k * col))
            k += 1
    while k < K:
        for i in range(n):
            out[k * out_k + i] = W[i * row + k * col]
        for i in range(n, LANES):
            out[k * out_k + i] = 0
        k += 1


cdef void pack_gate(const real* W, Py_ssize_t row, Py_ssize_t col, Py_ssize_t units, Py_ssize_t K,
                    Py_ssize_t gate, Py_ssize_t gates, real* out) noexcept nogil:
    """Put one gate's W (units, K) where it belongs among the panels of `gates` such matrices."""
    cdef Py_ssize_t V = vectors_per_panel(gates), per = units_per_panel(gates)
    cdef Py_ssize_t unit = 0, panel = 0, v, width
    while unit < units:
        width = min(V, vectors(units - unit, gates))
        for v in range(width if gates == 1 else 1):
            pack_lanes(W + (unit + v * LANES) * row, row, col, min(LANES, units - unit - v * LANES), K,
                       out + panel * V * LANES * K + (v + gate) * LANES, width * LANES)
        unit += per
        panel += 1


cdef void turn_steps(const real* x, Py_ssize_t x_k, Py_ssize_t x_m, Py_ssize_t x_t, Py_ssize_t n, Py_ssize_t m,
                     Py_ssize_t T, real* out) noexcept nogil:
    """out (T, m, n) = x (n, m, T) with these strides: the features of a column side by side."""
    cdef Py_ssize_t k, j, t, whole = n // LANES * LANES if x_t == 1 else 0
    for j in range(m):
        k = 0
        while k < whole:
            pack_lanes(x + k * x_k + j * x_m, x_k, 1, LANES, T, out + j * n + k, m * n)
            k += LANES
        for t in range(T):
            for k in range(whole, n):
                out[(t * m + j) * n + k] = x[k * x_k + j * x_m + t * x_t]
