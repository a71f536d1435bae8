"""Matrices of integers as the products read them, with their scales and biases.

Panels as in layout.pxi, but of groups of k: [panel][group][V][LANES][k of the group], zero-padded.
"""

cdef inline int packed_width(int width) noexcept nogil:
    """What integers.h calls the width of packed weights."""
    return width if INT8 or width > 1 else 2


cdef inline Py_ssize_t groups_of(Py_ssize_t K, int width) noexcept nogil:
    return (K + GROUP(width) - 1) // GROUP(width)


cdef inline Py_ssize_t integer_panel_bytes(Py_ssize_t units, Py_ssize_t K, Py_ssize_t gates, int width) noexcept nogil:
    return vectors(units, gates) * WEIGHT_VECTOR(width) * groups_of(K, width)


cdef inline Py_ssize_t matrix_bytes(Py_ssize_t units, Py_ssize_t K, Py_ssize_t gates, int width) noexcept nogil:
    """Bytes of a packed matrix with its scales and starts."""
    return integer_panel_bytes(units, K, gates, width) + vectors(units, gates) * LANES * (sizeof(real) + 4)


cdef Py_ssize_t integer_bytes(const IntegerSource* source) noexcept nogil:
    """Bytes of all that pack_integers writes, from a line of the cache on."""
    cdef const Formulas* cell = formulas_of(source.cell)
    cdef int width = packed_width(source.width)
    cdef Py_ssize_t s, bytes_ = 4 * ALIGNMENT
    for s in range(cell.stages):
        bytes_ += matrix_bytes(source.n_a, source.n_x, cell.stage[s].input, width)
        bytes_ += matrix_bytes(source.n_a, recurrent_inputs(s, source.n_h, source.n_a), cell.stage[s].hidden, width)
        bytes_ += vectors(source.n_a, cell.stage[s].gates) * LANES * sizeof(real)
    if source.Whr != NULL:
        bytes_ += matrix_bytes(source.n_h, source.n_a, 1, width)
    return bytes_


cdef inline int value_at(const void* values, Py_ssize_t i, int width) noexcept nogil:
    return (<const signed char*> values)[i] if width == 1 else (<const int16_t*> values)[i]


cdef inline real* lane_of(real* packed, Py_ssize_t unit, Py_ssize_t gate, Py_ssize_t gates) noexcept nogil:
    """Where a packed row (width,) has a unit of a gate."""
    cdef Py_ssize_t per = units_per_panel(gates), V = vectors_per_panel(gates)
    return packed + (unit // per * V + gate) * LANES + unit % per


cdef void pack_integer_gate(const void* values, Py_ssize_t row_stride, int width, Py_ssize_t units, Py_ssize_t K,
                            Py_ssize_t gate, Py_ssize_t gates, char* panels, int32_t* starts) noexcept nogil:
    """Pack one gate's values (units, K) into its share of zeroed panels, and what its sums start from."""
    cdef Py_ssize_t V = vectors_per_panel(gates), per = units_per_panel(gates), u, k, lane, Vp, vector
    cdef int packed = packed_width(width), group = GROUP(packed), value, total
    cdef char* out
    cdef char* vector_of_k
    for u in range(units):
        # one gate alone: the last panel has only as many vectors as it needs
        Vp = min(V, vectors(units - u // per * per, gates))
        lane, vector = u % LANES, gate + u % per // LANES
        out = panels + u // per * V * WEIGHT_VECTOR(packed) * groups_of(K, packed) + vector * WEIGHT_VECTOR(packed)
        total = 0
        for k in range(K):
            value = value_at(values, u * row_stride + k, width)
            total += value
            vector_of_k = out + k // group * Vp * WEIGHT_VECTOR(packed)
            if packed == 1:
                vector_of_k[IN_VECTOR(k % group, lane, 1)] = <char> value
            else:
                (<int16_t*> vector_of_k)[IN_VECTOR(k % group, lane, 2)] = <int16_t> value
        # it wraps, as sums do
        (<bits*> lane_of(<real*> starts, u, gate, gates))[0] = 0 - <bits> RAISED(packed) * <bits> total


cdef void pack_scale(const real* scale, Py_ssize_t units, Py_ssize_t gate, Py_ssize_t gates, real divisor,
                     real* out) noexcept nogil:
    """Pack what a gate has one of for each unit, over a divisor."""
    cdef Py_ssize_t u
    for u in range(units):
        lane_of(out, u, gate, gates)[0] = scale[u] / divisor


cdef char* place_matrix(IntegerMatrix* matrix, Py_ssize_t panel_bytes, Py_ssize_t units, int levels,
                        char* memory) noexcept nogil:
    """Let a matrix, and of so many units the rest, begin at `memory`; return where that goes on."""
    matrix.levels = levels
    matrix.panels = memory
    matrix.scale = <const real*> (memory + panel_bytes)
    matrix.starts = <const int32_t*> (matrix.scale + units)
    return <char*> aligned(<void*> (matrix.starts + units))


cdef void pack_integers(const IntegerSource* source, void* memory, IntegerWeights* out) noexcept nogil:
    """Pack the weights of all gates, stage after stage, and of a projection, from a line of the cache on."""
    cdef const Formulas* cell = formulas_of(source.cell)
    cdef const IntegerGate* gate = &source.gates[0]
    cdef Py_ssize_t n_a = source.n_a, n_x = source.n_x, s, g, K, skipped, x_bytes = 0, a_bytes = 0, x = 0, a = 0
    cdef Py_ssize_t input, hidden, gates
    cdef int width = packed_width(source.width)
    cdef char* place = <char*> memory
    cdef real* b
    memset(memory, 0, integer_bytes(source))
    for s in range(cell.stages):
        K = recurrent_inputs(s, source.n_h, n_a)
        x_bytes += integer_panel_bytes(n_a, n_x, cell.stage[s].input, width)
        a_bytes += integer_panel_bytes(n_a, K, cell.stage[s].hidden, width)
        x += vectors(n_a, cell.stage[s].input) * LANES
        a += vectors(n_a, cell.stage[s].hidden) * LANES
    out.width = width
    place = place_matrix(&out.Wx, x_bytes, x, source.x_levels, place)
    place = place_matrix(&out.Wa, a_bytes, a, source.a_levels, place)
    if source.Whr != NULL:
        x = vectors(source.n_h, 1) * LANES
        place = place_matrix(&out.Whr, integer_panel_bytes(source.n_h, n_a, 1, width), x, source.hr_levels, place)
        pack_integer_gate(source.Whr, n_a, source.width, source.n_h, n_a, 0, 1, <char*> out.Whr.panels,
                          <int32_t*> out.Whr.starts)
        pack_scale(source.hr_scale, source.n_h, 0, 1, source.hr_levels, <real*> out.Whr.scale)
    out.b = b = <real*> place
    x_bytes = a_bytes = x = a = 0
    for s in range(cell.stages):
        input, hidden, gates = cell.stage[s].input, cell.stage[s].hidden, cell.stage[s].gates
        K, skipped = recurrent_inputs(s, source.n_h, n_a), gates - input
        for g in range(gates):
            if g >= skipped:
                pack_integer_gate(gate.Wx, gate.Wx_row_stride, source.width, n_a, n_x, g - skipped, input,
                                  <char*> out.Wx.panels + x_bytes, <int32_t*> out.Wx.starts + x)
                pack_scale(gate.x_scale, n_a, g - skipped, input, 1, <real*> out.Wx.scale + x)
            if g < hidden:
                pack_integer_gate(gate.Wa, gate.Wa_row_stride, source.width, n_a, K, g, hidden,
                                  <char*> out.Wa.panels + a_bytes,
                                  <int32_t*> out.Wa.starts + a)
                pack_scale(gate.a_scale, n_a, g, hidden, source.a_levels, <real*> out.Wa.scale + a)
            pack_scale(gate.b, n_a, g, gates, 1, b)
            gate += 1
        x_bytes += integer_panel_bytes(n_a, n_x, input, width)
        a_bytes += integer_panel_bytes(n_a, K, hidden, width)
        x += vectors(n_a, input) * LANES
        a += vectors(n_a, hidden) * LANES
        b += vectors(n_a, gates) * LANES
