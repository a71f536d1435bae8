"""Packed weights: of one call, freed with it, or in an object of their own."""

cdef struct PanelSizes:
    # elements of each packed matrix; W_hr and its transposed of a projection
    Py_ssize_t weights[5]               # Wx, Wa, b, WxT, WaT: table.weight_sizes
    Py_ssize_t Wy, by, Whr, WhrT


cdef void find_sizes(const CallContext* context, bint projected, PanelSizes* sizes) noexcept nogil:
    """The sizes of all packed matrices of a call."""
    cdef const Run* run = &context.run
    cdef const Table* table = context.table
    table.weight_sizes(run.cell, run.n_x, run.n_h, run.n_a, sizes.weights)
    sizes.Wy, sizes.by = table.packed_size(run.n_y, run.n_a, 1), table.packed_size(run.n_y, 1, 1)
    sizes.Whr = sizes.WhrT = 0
    if projected:
        sizes.Whr, sizes.WhrT = table.packed_size(run.n_h, run.n_a, 1), table.packed_size(run.n_a, run.n_h, 1)


cdef inline Py_ssize_t panel_bytes(const PanelSizes* sizes, Py_ssize_t item) noexcept nogil:
    """Bytes for all matrices that a forward pass reads, each from a cache line on."""
    return (sizes.weights[0] + sizes.weights[1] + sizes.weights[2] + sizes.Wy + sizes.by + sizes.Whr) * item + (
        8 * CACHE_LINE_BYTES)


cdef char* pack_into(CallContext* context, const PanelSizes* sizes, char* memory) noexcept nogil:
    """Pack the weights of all gates and the head; return where memory goes on."""
    cdef Run* run = &context.run
    cdef const Table* table = context.table
    cdef Py_ssize_t item = context.item
    run.Wx = <const real*> memory
    memory = next_line(memory, sizes.weights[0] * item)
    run.Wa = <const real*> memory
    memory = next_line(memory, sizes.weights[1] * item)
    run.b = <const real*> memory
    memory = next_line(memory, sizes.weights[2] * item)
    context.Wy = memory
    memory = next_line(memory, sizes.Wy * item)
    context.by = memory
    memory = next_line(memory, sizes.by * item)
    table.pack_weights(run.cell, run.n_x, run.n_h, run.n_a, run.weights, <real*> run.Wx, <real*> run.Wa, <real*> run.b)
    if run.n_y > 0:
        table.pack_gate(run.head.Wa, run.head.Wa_row_stride, run.head.Wa_col_stride, run.n_y, run.n_a, 0, 1,
                        <real*> context.Wy)
        table.pack_gate(run.head.b, run.head.b_stride, 1, run.n_y, 1, 0, 1, <real*> context.by)
    return memory


cdef int pack_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Pack the weights of a call into its workspace."""
    cdef CallContext* context = <CallContext*> given
    cdef PanelSizes sizes
    find_sizes(context, False, &sizes)
    context.workspace = malloc(panel_bytes(&sizes, context.item))
    if context.workspace == NULL:
        return NO_MEMORY
    pack_into(context, &sizes, aligned(<char*> context.workspace))
    return 0


cdef class Panels:
    """The weights of one cell and its head as the kernels of one ISA and dtype read them. Never changed."""

    cdef CellCalls calls
    cdef int typenum
    cdef cnp.ndarray memory              # of all panels
    cdef dict arrays                     # the notebook's, which the backward pass packs anew; nobody else has them
    cdef readonly Py_ssize_t n_x, n_a, n_h, n_y
    cdef const real* Wx
    cdef const real* Wa
    cdef const real* b
    cdef const real* Whr                 # of a projection, else NULL
    cdef const char* Wy
    cdef const char* by
    cdef const Table* integer_table      # the kernels of integer weights, and those; NULL of float ones
    cdef IntegerWeights integers
    cdef readonly str weights            # "int8", "int16"; None of floats

    @property
    def cell(self):
        """The cell; None of panels that were made by hand, which no call takes."""
        return None if self.calls is None else self.calls.cell

    @property
    def dtype(self):
        return None if self.memory is None else self.memory.dtype

    cdef int fill(self, CallContext* context, CellCalls calls, const real* Whr, Py_ssize_t row_stride,
                  Py_ssize_t col_stride) except -1:
        """Pack the weights that a context has taken, and those of a projection (n_h, n_a), if there is one."""
        cdef Run* run = &context.run
        cdef PanelSizes sizes
        cdef cnp.npy_intp elements
        cdef char* rest
        cdef Environment environment
        find_sizes(context, Whr != NULL, &sizes)
        elements = panel_bytes(&sizes, 1) + 16 * CACHE_LINE_BYTES
        self.calls, self.typenum = calls, context.typenum
        self.memory = PyArray_EMPTY(1, &elements, context.typenum, 0)
        environment = enter_environment()
        rest = pack_into(context, &sizes, aligned(<char*> cnp.PyArray_DATA(self.memory)))
        self.n_x, self.n_a, self.n_h, self.n_y = run.n_x, run.n_a, run.n_h, run.n_y
        self.Wx, self.Wa, self.b, self.Wy, self.by = run.Wx, run.Wa, run.b, context.Wy, context.by
        if Whr != NULL:
            self.Whr = <const real*> rest
            context.table.pack_gate(Whr, row_stride, col_stride, run.n_h, run.n_a, 0, 1, <real*> rest)
        leave_environment(environment)
        return 0
