"""Packed products in the canonical order.

Every pre-activation is one chain of fused multiply-adds in the array's own dtype, k ascending:

    z = b;   z = fma(x[k], W_x[j, k], z) for each k;   then   z = fma(a[k], W_a[j, k], z) for each k

Design. Lanes run across the columns of z and never across k, so the chain of one element is the same whatever its
neighbours: hence the same bits for every batch, layout and ISA. Two layouts of z share the microkernel:
    units in lanes   rows are rows of the batch, columns are units: wants W packed, once, and then serves every step
    batch in lanes   rows are units, columns are the batch: reads the notebook's own layout, nothing to pack
A tile of z is R rows by P panels of V vectors, kept in registers over both factors; R, P and V are constants at every
place where `tile` is expanded. 6 x 4 vectors of 16 reach the FMA peak on AVX-512, 3 x 4 on AVX2;
of 3 vectors, 8 x 3 and 4 x 3.
"""

ctypedef struct Factor:
    # One product: `rows` (R, K) times `panel` (K, P * V * LANES), added to the tile. Strides in elements.
    Py_ssize_t K
    const real* rows
    Py_ssize_t row_stride
    Py_ssize_t k_stride      # of `rows`
    const real* panel
    Py_ssize_t panel_stride
    Py_ssize_t panel_k_stride

ctypedef struct Product:
    Factor first
    Factor second            # K = 0 where there is one factor only
    const real* start        # what each chain starts from: row r of the tile from start + r * start_row_stride
    Py_ssize_t start_row_stride  # 0: the same row for all, a bias
    bint start_is_column     # start[r * start_row_stride] for the whole row: a bias where rows are units
    real* z                  # (R, P, V * LANES), may be the same memory as start
    Py_ssize_t z_row_stride
    Py_ssize_t z_panel_stride  # of z and of start
    const real* ahead        # what later tiles read, from here on, or NULL: see ask_for
    const real* ahead_end


cdef inline void ask_for(Product* p, const real* panel, Py_ssize_t elements) noexcept nogil:
    """Let the tiles that come read so many elements ahead, a line at each k, for the tiles after them.

    What a panel costs to bring from beyond L2, its first tile would wait for. Tiles of few rows do not ask: they read
    as fast as memory gives.
    """
    p.ahead, p.ahead_end = panel, panel + elements


cdef inline void accumulate_twelve_rows(vec* acc, const Factor* f) noexcept nogil:
    """The same for one vector of twelve rows, from four pointers: of one, compilers keep the distances of the others on
    the stack (gcc) or add them up one after the other (clang), and that takes longer than the sums.
    """
    cdef Py_ssize_t k, row_stride = f.row_stride, k_stride = f.k_stride, panel_k_stride = f.panel_k_stride
    cdef const real* rows_0 = f.rows
    cdef const real* rows_3 = f.rows + 3 * row_stride
    cdef const real* rows_6 = f.rows + 6 * row_stride
    cdef const real* rows_9 = f.rows + 9 * row_stride
    cdef const real* panel = f.panel
    for k in range(f.K):
        tile_fma(acc, rows_0, row_stride, panel, 0, 3, 1, 1)
        tile_fma(acc + 3, rows_3, row_stride, panel, 0, 3, 1, 1)
        tile_fma(acc + 6, rows_6, row_stride, panel, 0, 3, 1, 1)
        tile_fma(acc + 9, rows_9, row_stride, panel, 0, 3, 1, 1)
        rows_0 = pointer_alone(rows_0 + k_stride)
        rows_3 = pointer_alone(rows_3 + k_stride)
        rows_6 = pointer_alone(rows_6 + k_stride)
        rows_9 = pointer_alone(rows_9 + k_stride)
        panel += panel_k_stride


cdef inline void accumulate(vec* acc, const Factor* f, const real* ahead, Py_ssize_t R, Py_ssize_t P,
                            Py_ssize_t V) noexcept nogil:
    """acc (R, P, V) += rows panel, k ascending. `ahead`: lines to ask for, or NULL."""
    cdef Py_ssize_t k, row_stride = f.row_stride, k_stride = f.k_stride
    cdef Py_ssize_t panel_k_stride = f.panel_k_stride, panel_stride = f.panel_stride
    cdef const real* rows = f.rows
    cdef const real* panel = f.panel
    if R == 12:
        accumulate_twelve_rows(acc, f)
    elif R >= 3 and R * P * V >= 12 and ahead != NULL:
        for k in range(f.K):
            ask_for_line(ahead)
            ahead += LINE
            tile_fma(acc, rows, row_stride, panel, panel_stride, R, P, V)
            rows += k_stride
            panel += panel_k_stride
    else:
        for k in range(f.K):
            tile_fma(acc, rows, row_stride, panel, panel_stride, R, P, V)
            rows += k_stride
            panel += panel_k_stride


cdef inline void tile(const Product* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    cdef vec acc[MAX_TILE]
    if t.start_is_column:
        tile_splat(acc, t.start, t.start_row_stride, R, P, V)
    else:
        tile_load(acc, t.start, t.start_row_stride, t.z_panel_stride, R, P, V)
    accumulate(acc, &t.first, t.ahead, R, P, V)
    accumulate(acc, &t.second, t.ahead, R, P, V)
    tile_store(t.z, acc, t.z_row_stride, t.z_panel_stride, R, P, V)


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


cdef void product(Product* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    """z (R, P, V * LANES): P as `panels_at_once` says or 1, R <= max_rows(P, V)."""
    if V == 4:
        if P == 1:
            tile_of_rows(t, R, 4)
        elif R == 1:
            tile(t, 1, 2, 4)
        elif TILE_ROWS > 3:
            if R == 2:
                tile(t, 2, 2, 4)
            else:
                tile(t, 3, 2, 4)
    elif V == 3:
        product_of_three(t, R, P)
    elif V == 2:
        product_of_two(t, R, P)
    else:
        tile_of_rows(t, R, 1)
    if t.ahead != NULL:
        t.ahead += (t.first.K + t.second.K) * LINE
        if t.ahead >= t.ahead_end:
            t.ahead = NULL


cdef inline void product_of_three(const Product* t, Py_ssize_t R, Py_ssize_t P) noexcept nogil:
    if P == 4:
        if R == 1:
            tile(t, 1, 4, 3)
        elif TILE_ROWS > 3:
            tile(t, 2, 4, 3)
    elif P == 2:
        if R == 1:
            tile(t, 1, 2, 3)
        elif R == 2:
            tile(t, 2, 2, 3)
        elif TILE_ROWS > 3:
            if R == 3:
                tile(t, 3, 2, 3)
            else:
                tile(t, 4, 2, 3)
    elif R <= TILE_ROWS:
        tile_of_rows(t, R, 3)
    elif TILE_ROWS == 3:
        tile(t, 4, 1, 3)
    elif R == 7:
        tile(t, 7, 1, 3)
    else:
        tile(t, 8, 1, 3)


cdef inline void product_of_two(const Product* t, Py_ssize_t R, Py_ssize_t P) noexcept nogil:
    if P == 4:
        if R == 1:
            tile(t, 1, 4, 2)
        elif TILE_ROWS > 3:
            if R == 2:
                tile(t, 2, 4, 2)
            else:
                tile(t, 3, 4, 2)
    elif P == 2:
        if R == 1:
            tile(t, 1, 2, 2)
        elif R == 2:
            tile(t, 2, 2, 2)
        elif R == 3:
            tile(t, 3, 2, 2)
        elif TILE_ROWS > 3:
            if R == 4:
                tile(t, 4, 2, 2)
            elif R == 5:
                tile(t, 5, 2, 2)
            else:
                tile(t, 6, 2, 2)
    else:
        tile_of_rows(t, R, 2)


cdef inline Py_ssize_t panels_at_once(Py_ssize_t m, Py_ssize_t V, Py_ssize_t left) noexcept nogil:
    """How many of the `left` panels keep the FMA units busy for m rows: few rows of one panel are too few chains.

    One row of two wide panels is few chains, but reads few streams, and pointwise work overlaps with the next one.
    f32 GRU (64,128,1,100) is 9% faster so than with four panels, (128,128,1,100) 6% (Xeon with AVX-512, 2026-11-24);
    LSTM (27,50,1,30) 11%, (64,64,1,100) 8%, longer ones as fast (Zen 4, 2026-11-26).
    """
    cdef bint wide = TILE_ROWS > 3
    if V == 4:
        return min(left, 2 if m <= (3 if wide else 1) else 1)
    if V == 3 and left >= 4 and m == (2 if wide else 1):
        return 4
    if V == 3 and left >= 2 and m <= (4 if wide else 2):
        return 2
    if V == 2 and left >= 4 and m <= (3 if wide else 1):
        return 4
    return 2 if V == 2 and left >= 2 else 1


cdef inline Py_ssize_t next_panels(Py_ssize_t* left, Py_ssize_t panels, Py_ssize_t full, Py_ssize_t V, Py_ssize_t m,
                                   bint backwards, Py_ssize_t* first) noexcept nogil:
    """The next panels for m rows, of those that are left: returns how many, `first` on; only `full` ones are whole.

    Steps alternate between both directions: the last panels of a step are still in the cache (+20% at n = 256).
    """
    cdef Py_ssize_t P = 1
    if not backwards:
        first[0] = panels - left[0]
        if first[0] < full:
            P = panels_at_once(m, V, full - first[0])
    elif left[0] <= full:
        P = panels_at_once(m, V, left[0])
    left[0] -= P
    if backwards:
        first[0] = left[0]
    return P


cdef inline void ask_for_next_panel(Product* p, const real* panels, Py_ssize_t elements, Py_ssize_t first,
                                    bint backwards) noexcept nogil:
    """ask_for the panel behind that number `first` in the order of `next_panels`; each has so many elements."""
    ask_for(p, panels + (first - 1 if backwards else first + 1) * elements, elements)


cdef inline Py_ssize_t max_rows(Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    """How many rows a tile of P panels has at most."""
    cdef bint wide = TILE_ROWS > 3
    if V == 4:
        return TILE_ROWS if P == 1 else 3 if wide and P == 2 else 1
    if V == 3:
        return (8 if P == 1 else 4 if P == 2 else 2) if wide else (4 if P == 1 else 2 if P == 2 else 1)
    if V == 2 and P == 4:
        return 3 if wide else 1
    return TILE_ROWS
