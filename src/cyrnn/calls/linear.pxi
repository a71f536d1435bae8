"""A linear layer, y = W x + b for every row x: forward and backward, on packed weights.

Every element of y is one chain of fused multiply-adds, b first, then k ascending; of dx one from zero, units ascending.
dW and db are sums over the rows in their order (../kernels/outer.pxi).
"""

cdef struct LinearProduct:
    # out = rows times a packed matrix (units, n), plus b; in C order of all positions
    const Table* table
    Py_ssize_t item
    Rows rows
    const real* panels
    const real* b                    # packed; NULL where there is none
    const IntegerWeights* integers   # in the place of both, or NULL
    Py_ssize_t units
    char* out


cdef int multiply_by(const LinearProduct* w, const real* x, Py_ssize_t row_stride, Py_ssize_t N, real* out,
                     Progress* progress) noexcept nogil:
    """out (N, units) of rows x (N, n), in blocks; an Outcome."""
    cdef double fmas = <double> w.units * w.rows.n
    cdef Py_ssize_t block, first = 0
    if w.integers == NULL:
        return multiply(w.table, x, row_stride, N, w.rows.n, w.panels, w.b, w.units, out, w.item, progress)
    block = block_of(w.table, N, fmas, INTEGER_BLOCK_ROWS)
    while first < N:
        if w.table.multiply_integers(w.integers, advance(x, first * row_stride, w.item), row_stride,
                                     min(block, N - first), w.rows.n, w.units,
                                     <real*> advance(out, first * w.units, w.item)):
            return NO_MEMORY
        if worked(w.table, min(block, N - first) * fmas, progress):
            return STOPPED
        first += block
    return DONE


cdef int product_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some of the rows that take part. What is no matrix in place is copied, as many rows as the CPU's cache holds."""
    cdef const LinearProduct* w = <const LinearProduct*> given
    cdef Py_ssize_t n = w.rows.n, item = w.item, size = w.units * item, block, count, i
    cdef bint ragged = w.rows.at.index != NULL
    cdef char* x
    cdef char* y
    cdef void* memory
    cdef int outcome = DONE
    if w.rows.in_place:
        return multiply_by(w, advance(w.rows.memory, first * w.rows.row_stride, item), w.rows.row_stride,
                           last - first, <real*> (w.out + first * size), progress)
    block = min(last - first, max(TILES, BLOCK_BYTES // max(1, n * item + size)))
    memory = malloc(block * (n * item + size) + 3 * CACHE_LINE_BYTES)
    if memory == NULL:
        return NO_MEMORY
    x = aligned(<char*> memory)
    y = next_line(x, block * n * item)
    while first < last and outcome == DONE:
        count = min(block, last - first)
        gather_positions(&w.rows, first, first + count, item, x)
        outcome = multiply_by(w, <const real*> x, n, count, <real*> (y if ragged else w.out + first * size), progress)
        if ragged:
            for i in range(count):
                memcpy(w.out + w.rows.at.index[first + i] * size, y + i * size, size)
        first += count
    free(memory)
    return outcome


cdef int panels_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some groups of units, of all rows: these are few, and the second one finds the panels in a cache."""
    cdef const LinearProduct* w = <const LinearProduct*> given
    cdef Py_ssize_t group = units_of_panels(w.table), unit = first * group, count, row, item = w.item
    while unit < min(last * group, w.units):
        count = min(group, w.units - unit)
        for row in range(w.rows.at.count):
            if multiply(w.table, advance(w.rows.memory, row * w.rows.row_stride, item), 0, 1, w.rows.n,
                        advance(w.panels, unit * w.rows.n, item), advance(w.b, unit, item), count,
                        <real*> (w.out + (row * w.units + unit) * item), item, progress):
                return STOPPED
        unit += count
    return DONE


cdef inline Py_ssize_t units_of_panels(const Table* table) noexcept nogil:
    """The units of two panels: one row keeps the FMA units busy with no fewer chains."""
    return 8 * table.lanes


cdef int run_product(const LinearProduct* w) except -1:
    """All rows, which threads share; or where they are few, the units."""
    cdef Py_ssize_t rows = w.rows.at.count, group = units_of_panels(w.table), groups = (w.units + group - 1) // group
    cdef double fmas = <double> rows * w.units * w.rows.n
    if rows == 0 or w.units == 0:
        return 0
    if rows < MIN_SHARED_ROWS and w.rows.in_place and w.integers == NULL and is_shared(groups, fmas * HASTE):
        return parallel_for(panels_range, w, groups, fmas * HASTE)
    return parallel_for(product_range, w, rows, fmas)


cdef struct LinearGradients:
    # dW (units, features) and db (units,), NULL where there is none, from d and x, each a matrix in place
    const Table* table
    Py_ssize_t item
    const Rows* d
    const Rows* x
    char* dW
    char* db


cdef int linear_weights_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """The gradients of some units."""
    cdef const LinearGradients* w = <const LinearGradients*> given
    cdef Py_ssize_t features = w.x.n, item = w.item, unit = first
    cdef Py_ssize_t block = block_of(w.table, last - first, BLOCK_ROWS * <double> features, TILES)
    cdef OuterSum outer
    cdef int outcome = DONE
    outer.N, outer.gates, outer.rights = w.d.at.count, 1, 1
    outer.left_row_stride, outer.left_gate_stride, outer.out_row_stride[0] = w.d.row_stride, 0, features
    set_right(&outer.right[0], features, NULL, 0, <const real*> w.x.memory, w.x.row_stride)
    while unit < last and outcome == DONE:
        outer.units = min(block, last - unit)
        outer.left = advance(w.d.memory, unit, item)
        outer.out[0][0] = <real*> (w.dW + unit * features * item)
        outcome = sum_outer(w.table, &outer, item, progress)
        unit += block
    if outcome == DONE and w.db != NULL:
        outcome = add_rows(w.table, advance(w.d.memory, first, item), w.d.row_stride, outer.N, last - first,
                           <real*> (w.db + first * item), item, progress)
    return outcome


cdef class Linear                       # below


cdef int take_linear_integers(Linear layer, object W, object b, object integers) except -1:
    """Pack W, a `Quantized`, and b: they are the input half of a cell of one gate without hidden states."""
    cdef IntegerSource source
    cdef PlainIntegers matrix
    cdef PlainArray bias
    cdef cnp.npy_intp elements
    cdef Environment environment
    layer.typenum, layer.item = cnp.NPY_FLOAT, sizeof(float)
    layer.table = <const Table*> PyCapsule_GetPointer(integers, "cyrnn.kernels.table")
    if not read_integers(W, -1, &matrix):
        raise TypeError("cyrnn: the weights of a linear layer are no matrix of integers")
    layer.units, layer.features = matrix.values.shape[0], matrix.values.shape[1]
    if b is None:
        elements = layer.units
        b = PyArray_ZEROS(1, &elements, cnp.NPY_FLOAT, 0)
    if (not read_plain(<PyObject*> b, cnp.NPY_FLOAT, 1, &bias) or bias.shape[0] != layer.units
            or not bias.flags & cnp.NPY_ARRAY_C_CONTIGUOUS):
        raise ValueError("cyrnn: the weights of a linear layer do not fit each other")
    require_elements((layer.units + 64.0) * (layer.features + 64.0))
    two_planes = in_two_planes(W)
    source.cell, source.n_x, source.n_h, source.n_a = 0, layer.features, 0, layer.units
    source.width = SPLIT if two_planes else matrix.width
    source.x_levels, source.a_levels, source.Whr = levels(W, two_planes), 1, NULL
    take_half(&matrix, 0, 0, &source.gates[0].Wx, &source.gates[0].Wx_row_stride, &source.gates[0].x_scale)
    take_half(&matrix, 0, 0, &source.gates[0].Wa, &source.gates[0].Wa_row_stride, &source.gates[0].a_scale)
    source.gates[0].b = <const real*> bias.memory
    layer.arrays = (W, b)
    elements = layer.table.integer_bytes(&source) // layer.item + 2 * CACHE_LINE_BYTES
    layer.memory = PyArray_EMPTY(1, &elements, cnp.NPY_FLOAT, 0)
    environment = enter_environment()
    layer.table.pack_integers(&source, aligned(<char*> data(layer.memory)), &layer.integers)
    leave_environment(environment)
    return 0


cdef class Linear:
    """The weights of a linear layer, packed; its calls give None where the arguments are not plain arrays that fit."""

    cdef const Table* table
    cdef int typenum
    cdef Py_ssize_t item, features, units
    cdef object arrays                   # W and b, which nobody else has
    cdef PlainArray W                    # as it was when it was read
    cdef cnp.ndarray memory              # of both packed
    cdef const real* panels
    cdef const real* b
    cdef bint quantized                  # W is `Quantized`, and what is packed of it and b:
    cdef IntegerWeights integers

    def __cinit__(self, f32, f64, W not None, b, integers=None):
        cdef PlainArray bias
        cdef cnp.npy_intp elements
        cdef Environment environment
        cdef char* memory
        bias.memory, bias.strides[0] = NULL, 0       # gcc does not know that there is an axis
        self.quantized = integers is not None
        if self.quantized:
            take_linear_integers(self, W, b, integers)
            return
        self.typenum, self.item = cnp.PyArray_TYPE(W), cnp.PyArray_ITEMSIZE(W)
        self.table = <const Table*> PyCapsule_GetPointer(f64 if self.typenum == cnp.NPY_DOUBLE else f32,
                                                         "cyrnn.kernels.table")
        if (self.typenum not in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE)
                or not read_plain(<PyObject*> (<object> W), self.typenum, 2, &self.W)):
            raise TypeError("cyrnn: the weights of a linear layer are no plain arrays of float32 or float64")
        self.units, self.features = self.W.shape[0], self.W.shape[1]
        if b is not None and (not read_plain(<PyObject*> b, self.typenum, 1, &bias) or bias.shape[0] != self.units):
            raise ValueError("cyrnn: the weights of a linear layer do not fit each other")
        require_elements((self.units + 64.0) * (self.features + 64.0))
        self.arrays, self.b = (W, b), NULL
        elements = (self.table.packed_size(self.units, self.features, 1) + self.table.packed_size(self.units, 1, 1)
                    + 3 * CACHE_LINE_BYTES)
        self.memory = PyArray_EMPTY(1, &elements, self.typenum, 0)
        environment = enter_environment()
        memory = aligned(<char*> data(self.memory))
        self.panels = <const real*> memory
        self.table.pack_gate(<const real*> self.W.memory, self.W.strides[0] // self.item,
                             self.W.strides[1] // self.item, self.units, self.features, 0, 1, <real*> memory)
        if b is not None:
            memory = next_line(memory, self.table.packed_size(self.units, self.features, 1) * self.item)
            self.b = <const real*> memory
            self.table.pack_gate(<const real*> bias.memory, bias.strides[0] // self.item, 1, self.units, 1, 0, 1,
                                 <real*> memory)
        leave_environment(environment)

    def forward(self, x, Lengths lengths=None, bint batch_first=False):
        """Return y (..., units) for x (..., features), of up to two leading axes; or None.

        `lengths`: of a ragged batch x (T, m, features), or with `batch_first` (m, T, features): what is past the end of
        a sequence is not read, and y is zero there.
        """
        cdef LinearProduct w
        cdef Positions at
        cdef PlainArray read
        cdef int axes = read_rows(x, self.typenum, self.features, &read)
        cdef cnp.ndarray out
        if axes < 0 or not take_positions(&at, axes, read.shape, lengths, batch_first):
            return None
        try:
            require_elements((<double> at.outer * at.inner + 1) * (<double> self.units + self.features + 1))
            out = new_rows(&at, axes, read.shape, self.units, self.typenum)
            find_rows(&w.rows, &at, axes, &read, self.item)
            w.table, w.item, w.panels, w.b = self.table, self.item, self.panels, self.b
            w.units, w.out = self.units, <char*> data(out)
            w.integers = &self.integers if self.quantized else NULL
            run_product(&w)
        finally:
            free(at.index)
        return out

    def backward(self, x, d_output, Lengths lengths=None, bint batch_first=False):
        """Return (dx, dW, db) for x and the gradient of y, both as in `forward`; db is None without a bias. Or None."""
        cdef Positions at
        cdef PlainArray read
        cdef PlainArray incoming
        cdef int axes = read_rows(x, self.typenum, self.features, &read)
        cdef Rows rows
        cdef Rows d
        if self.quantized:
            raise TypeError("cyrnn: integer weights have no backward pass")
        if axes < 0 or not read_rows_like(d_output, self.typenum, self.units, axes, read.shape, &incoming):
            return None
        if not take_positions(&at, axes, read.shape, lengths, batch_first):
            return None
        try:
            require_elements((<double> at.outer * at.inner + 1) * (<double> self.units + self.features + 1) * 2)
            find_rows(&rows, &at, axes, &read, self.item)
            find_rows(&d, &at, axes, &incoming, self.item)
            return self.gradients(&rows, &d, axes, read.shape)
        finally:
            free(at.index)

    cdef tuple gradients(self, Rows* x, Rows* d, int axes, const cnp.npy_intp* sizes):
        """Allocate the gradients and the memory to work in, and run."""
        cdef LinearProduct product
        cdef LinearGradients w
        cdef Py_ssize_t item = self.item, rows = x.at.count
        cdef cnp.npy_intp dims[2]
        cdef cnp.npy_intp size = self.table.packed_size(self.features, self.units, 1) + 4 * CACHE_LINE_BYTES
        cdef cnp.ndarray workspace, dx, dW, db = None
        cdef char* memory
        dims[0], dims[1] = self.units, self.features
        dx = new_rows(x.at, axes, sizes, self.features, self.typenum)
        dW = PyArray_EMPTY(2, dims, self.typenum, 0) if rows > 0 else PyArray_ZEROS(2, dims, self.typenum, 0)
        if self.b != NULL:
            db = PyArray_ZEROS(1, dims, self.typenum, 0)
        size += (0 if x.in_place else rows * self.features) + (0 if d.in_place else rows * self.units)
        workspace = PyArray_EMPTY(1, &size, self.typenum, 0)
        product.table, product.item, product.rows, product.b = self.table, item, d[0], NULL
        product.integers = NULL
        product.panels, product.units = <const real*> aligned(<char*> data(workspace)), x.n
        product.out = <char*> data(dx)
        w.table, w.item, w.x, w.d, w.dW = self.table, item, x, d, <char*> data(dW)
        w.db = <char*> data(db) if db is not None else NULL
        if rows > 0:
            memory = next_line(<char*> product.panels, self.table.packed_size(self.features, self.units, 1) * item)
            self.table.pack_transposed_gate(<const real*> self.W.memory, self.W.strides[0] // item,
                                            self.W.strides[1] // item, self.units, self.features, 0, 1,
                                            <real*> product.panels)
            memory = rows_in_place(x, item, memory)
            rows_in_place(d, item, memory)
            run_product(&product)
            parallel_for(linear_weights_range, &w, self.units, <double> rows * self.units * self.features)
        return dx, dW, db
