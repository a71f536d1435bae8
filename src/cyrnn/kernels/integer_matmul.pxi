"""Packed products of integers: sums are exact in 32 bits, then one fused multiply-add for each element of z.

    S = sum over k of values[j, k] * q[k]        z = fma(float(S), scale[j] * row_scale, start)

of two planes, q = 256 high + low, T the sum of the high one: z = fma(float(T), 256 * scale[j] * row_scale, start), then
fma(float(S), scale[j] * row_scale, z).

Design. As in matmul.pxi a tile of R rows by P panels of V vectors is kept in registers over k, and lanes run across
units. The order of a sum is free, as nothing rounds, yet every ISA takes groups of k in turn: VNNI, AVX2's pairs and
ARM's dot products all want neighbours in k side by side, 4 bytes of them in a lane.
"""

ctypedef struct IntegerProduct:
    # rows (R, K) times panels of units. Strides of `rows` and of panels in bytes, others in elements.
    Py_ssize_t groups        # of k
    const char* rows         # integers, readable to the end of the last group
    Py_ssize_t row_stride
    const real* row_scale    # (R,)
    const char* panel
    Py_ssize_t panel_stride
    const real* scale        # of these units, without gaps; and what their sums start from
    const int32_t* starts
    const real* start        # of z: row r from start + r * start_row_stride
    Py_ssize_t start_row_stride, start_panel_stride
    real* z                  # (R, P, V, LANES)
    Py_ssize_t z_row_stride, z_panel_stride, z_vector_stride


cdef inline Py_ssize_t integer_tile_rows(int width) noexcept nogil:
    """How many rows of z a tile has at most."""
    return TILE_ROWS // PLANES(width)


cdef inline void integer_tile(const IntegerProduct* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V,
                              int width) noexcept nogil:
    cdef ivec sums[MAX_TILE]
    cdef const char* rows = t.rows
    cdef const char* panel = t.panel
    cdef Py_ssize_t row_stride = t.row_stride, panel_stride = t.panel_stride, i
    row_stride //= PLANES(width)
    sums_start(sums, t.starts, R * PLANES(width), P, V, width)
    for i in range(t.groups):
        sums_dot(sums, rows, row_stride, panel, panel_stride, R * PLANES(width), P, V, width)
        rows += 4
        panel += V * WEIGHT_VECTOR(width)
    sums_scale(sums, t.scale, t.row_scale, t.start, t.start_row_stride, t.start_panel_stride, t.z, t.z_row_stride,
               t.z_panel_stride, t.z_vector_stride, R, P, V, width)


cdef inline void integer_tile_of_rows(const IntegerProduct* t, Py_ssize_t R, Py_ssize_t V, int width) noexcept nogil:
    """One panel of V vectors and R rows, 1 <= R <= integer_tile_rows."""
    if R == 1:
        integer_tile(t, 1, 1, V, width)
    elif integer_tile_rows(width) > 1:
        if R == 2:
            integer_tile(t, 2, 1, V, width)
        elif R == 3:
            integer_tile(t, 3, 1, V, width)
        elif integer_tile_rows(width) > 3:
            if R == 4:
                integer_tile(t, 4, 1, V, width)
            elif R == 5:
                integer_tile(t, 5, 1, V, width)
            else:
                integer_tile(t, 6, 1, V, width)


cdef inline bint one_panel_alone(int width) noexcept nogil:
    """Whether the sums of two panels are more than there are registers."""
    return PLANES(width) > 1 and TILE_ROWS <= 3


cdef inline void integer_product_of(const IntegerProduct* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V,
                                    int width) noexcept nogil:
    """z (R, P, V * LANES): P as `integer_panels_at_once` says or 1, R <= integer_tile_rows."""
    if V == 4:
        if not one_panel_alone(width) and P == 2:
            integer_tile(t, 1, 2, 4, width)
        else:
            integer_tile_of_rows(t, R, 4, width)
    elif V == 3:
        if not one_panel_alone(width) and P == 2:
            integer_tile(t, 1, 2, 3, width)
        else:
            integer_tile_of_rows(t, R, 3, width)
    elif V == 2:
        if not one_panel_alone(width) and P == 4:
            integer_tile(t, 1, 4, 2, width)
        else:
            integer_tile_of_rows(t, R, 2, width)
    else:
        integer_tile_of_rows(t, R, 1, width)


cdef void product_of_bytes(const IntegerProduct* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    integer_product_of(t, R, P, V, 1)


cdef void product_of_pairs(const IntegerProduct* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    integer_product_of(t, R, P, V, 2)


cdef void product_of_planes(const IntegerProduct* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept nogil:
    integer_product_of(t, R, P, V, SPLIT)


cdef inline void integer_product(const IntegerProduct* t, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V,
                                 int width) noexcept nogil:
    if INT8 and width == 1:
        product_of_bytes(t, R, P, V)
    elif width == SPLIT:
        product_of_planes(t, R, P, V)
    else:
        product_of_pairs(t, R, P, V)


cdef inline Py_ssize_t integer_panels_at_once(Py_ssize_t V, Py_ssize_t left, int width) noexcept nogil:
    """How many of the `left` whole panels one row takes at once: a sum waits for itself, eight of them do not."""
    cdef Py_ssize_t panels = 4 if V == 2 else 2
    return panels if V > 1 and left >= panels and not one_panel_alone(width) else 1
