"""Matrices of integers, taken and packed: `Quantized`, of quantized.py."""

cdef struct PlainIntegers:
    # what a matrix (rows, cols) said of itself, and its scales (rows,)
    PlainArray values
    const real* scale
    int width


cdef bint read_integers(object given, Py_ssize_t rows, PlainIntegers* out) except -1:
    """Read a matrix of so many rows, or of any for -1, once; its arrays live as long as it does."""
    cdef PlainArray scale
    cdef PyObject* values
    if type(given) is not Quantized:
        return False
    values = <PyObject*> (<object> (<tuple> given)[0])
    if read_plain(values, cnp.NPY_INT8, 2, &out.values):
        out.width = 1
    elif read_plain(values, cnp.NPY_INT16, 2, &out.values):
        out.width = 2
    else:
        return False
    if (not out.values.flags & cnp.NPY_ARRAY_C_CONTIGUOUS or (rows >= 0 and out.values.shape[0] != rows)
            or not read_plain(<PyObject*> (<object> (<tuple> given)[1]), cnp.NPY_FLOAT, 1, &scale)
            or not scale.flags & cnp.NPY_ARRAY_C_CONTIGUOUS or scale.shape[0] != out.values.shape[0]):
        return False
    out.scale = <const real*> scale.memory
    return True


cdef inline void take_half(const PlainIntegers* W, Py_ssize_t row, Py_ssize_t column, const void** values,
                           Py_ssize_t* row_stride, const real** scale) noexcept:
    """Let one half of a gate begin at a row and a column of W."""
    values[0] = W.values.memory + (row * W.values.shape[1] + column) * W.width
    row_stride[0] = W.values.shape[1]
    scale[0] = <const real*> (<const char*> W.scale + row * sizeof(float))


cdef bint has_integers(CellCalls calls, dict arrays) except -1:
    return any([type(arrays.get(key)) is Quantized for keys in calls.keys for key in keys[:2]])


cdef bint split_gates(CellCalls calls, dict arrays) except -1:
    """Whether activations in two planes meet the notebook's parameters."""
    found = [arrays.get(key) for keys in calls.keys for key in keys[:2]]
    return in_two_planes(*[W for W in found if type(W) is Quantized])


cdef int fill_integers(Panels panels, CellCalls calls, CallContext* context, IntegerSource* source) except -1:
    """Pack the weights of a source, and the head that a context has taken."""
    cdef Run* run = &context.run
    cdef PanelSizes sizes
    cdef cnp.npy_intp elements
    cdef char* memory
    cdef Environment environment
    panels.integer_table = <const Table*> PyCapsule_GetPointer(calls.integers(), "cyrnn.kernels.table")
    panels.calls, panels.typenum, panels.weights = calls, context.typenum, "int8" if source.width == 1 else "int16"
    panels.n_x, panels.n_a, panels.n_h, panels.n_y = source.n_x, source.n_a, source.n_h, run.n_y
    source.cell = calls.number
    find_sizes(context, False, &sizes)
    elements = (panels.integer_table.integer_bytes(source) // context.item + sizes.Wy + sizes.by
                + 8 * CACHE_LINE_BYTES)
    panels.memory = PyArray_EMPTY(1, &elements, context.typenum, 0)
    memory = aligned(<char*> cnp.PyArray_DATA(panels.memory))
    environment = enter_environment()
    panels.Wy = memory
    memory = next_line(memory, sizes.Wy * context.item)
    panels.by = memory
    memory = next_line(memory, sizes.by * context.item)
    if run.n_y > 0:
        context.table.pack_gate(run.head.Wa, run.head.Wa_row_stride, run.head.Wa_col_stride, run.n_y, run.n_a, 0, 1,
                                <real*> panels.Wy)
        context.table.pack_gate(run.head.b, run.head.b_stride, 1, run.n_y, 1, 0, 1, <real*> panels.by)
    panels.integer_table.pack_integers(source, memory, &panels.integers)
    leave_environment(environment)
    panels.Wx = panels.Wa = panels.b = NULL
    panels.Whr = <const real*> panels.integers.Whr.panels if source.Whr != NULL else NULL
    return 0


cdef Panels pack_quantized(CellCalls calls, dict arrays):
    """Pack the notebook's parameters, matrices of gates as `Quantized`; None where they do not fit."""
    cdef CallContext context
    cdef Run* run = &context.run
    cdef IntegerSource source
    cdef IntegerGate* gate
    cdef PlainIntegers W_x, W_a
    cdef PlainArray b
    cdef Panels panels = Panels()
    cdef Py_ssize_t g, n_a = -1, n_x = 0
    cdef PyObject* W_y
    cdef PyObject* b_y
    b.memory = NULL
    source.Whr, source.width, source.x_levels, source.a_levels = NULL, 0, 32767, 32767
    two_planes = split_gates(calls, arrays)
    context.typenum = cnp.NPY_FLOAT
    take_typenum(calls, &context)
    for g in range(calls.gates):
        gate = &source.gates[g]
        W_x_of, W_a_of, b_of = [arrays.get(key) for key in <tuple> calls.keys[g]]
        if not read_integers(W_x_of, n_a, &W_x) or not read_integers(W_a_of, n_a, &W_a):
            return None
        if g == 0:
            n_a, source.width = W_x.values.shape[0], W_x.width
            n_x = W_x.values.shape[1] - (n_a if calls.stacked else 0)
        if (W_x.width != source.width or W_a.width != source.width or n_x < 0
                or W_x.values.shape[1] != n_x + (n_a if calls.stacked else 0)
                or (calls.has_a[g] and W_a.values.shape[1] != n_a + (n_x if calls.stacked else 0))
                or W_a.values.shape[0] != n_a
                or not read_matrix(<PyObject*> (<object> b_of), cnp.NPY_FLOAT, n_a, 1, &b)
                or not b.flags & cnp.NPY_ARRAY_C_CONTIGUOUS):
            return None
        take_half(&W_x, 0, n_a if calls.stacked else 0, &gate.Wx, &gate.Wx_row_stride, &gate.x_scale)
        take_half(&W_a, 0, 0, &gate.Wa, &gate.Wa_row_stride, &gate.a_scale)
        gate.b = <const real*> b.memory
        source.x_levels = min(source.x_levels, <int> levels(W_x_of, two_planes))
        source.a_levels = min(source.a_levels, <int> levels(W_a_of, two_planes))
    source.n_x, source.n_a, source.n_h = n_x, n_a, n_a
    if two_planes:
        source.width = SPLIT
    run.m = run.T = 1
    run.n_x, run.n_a, run.n_h, run.n_y = n_x, n_a, n_a, 0
    W_y, b_y = PyDict_GetItemWithError(arrays, calls.W_y), PyDict_GetItemWithError(arrays, calls.b_y)
    if not take_head(&context, W_y, b_y):
        return None
    require_sizes(calls, &context)
    fill_integers(panels, calls, &context, &source)
    panels.arrays = arrays
    return panels
