"""Layer normalisation: rows of an array, forward and backward, each alone; and the gradients of its weights.

Those are sums over the rows in their order (../kernels/outer.pxi).
"""

cdef struct Normalization:
    # rows x (n,), and of the backward pass rows dy; out: y or dx, in C order of all positions
    const Table* table
    Py_ssize_t item
    Rows x
    const Rows* dy                   # NULL of the forward pass
    const real* w                    # (n,); NULL where there are none
    const real* b
    double eps
    char* normal                     # (count, n): rows as they were normalised, of the backward pass
    char* out


cdef int normalize_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some of the rows that take part; one whose elements lie apart is copied."""
    cdef const Normalization* w = <const Normalization*> given
    cdef Py_ssize_t n = w.x.n, size = n * w.item, row, position
    cdef const char* x
    cdef const char* dy = NULL
    cdef char* memory = <char*> malloc(2 * size + 1)
    cdef int outcome = DONE
    if memory == NULL:
        return NO_MEMORY
    for row in range(first, last):
        position = position_of(w.x.at, row)
        x = row_at(&w.x, position)
        if w.x.stride_k != w.item:
            copy_row(memory, x, w.x.stride_k, n, w.item)
            x = memory
        if w.dy == NULL:
            w.table.layer_norm(<const real*> x, n, 1, n, w.w, w.b, w.eps, <real*> (w.out + position * size))
        else:
            dy = row_at(w.dy, position)
            if w.dy.stride_k != w.item:
                copy_row(memory + size, dy, w.dy.stride_k, n, w.item)
                dy = memory + size
            w.table.layer_norm_backward(<const real*> x, n, <const real*> dy, n, 1, n, w.w, w.eps,
                                        <real*> (w.normal + row * size), <real*> (w.out + position * size))
        outcome = worked(w.table, 8.0 * n + 256, progress)
        if outcome != DONE:
            break
    free(memory)
    return outcome


cdef struct NormalSums:
    # dw (n,) and db (n,), NULL where there is none, from rows dy and normal, each a matrix in place
    const Table* table
    Py_ssize_t item
    const Rows* dy
    const char* normal
    char* dw
    char* db


cdef int normal_sums_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """The gradients of some units."""
    cdef const NormalSums* w = <const NormalSums*> given
    cdef Py_ssize_t n = w.dy.n, item = w.item, rows = w.dy.at.count
    cdef int outcome = add_products(w.table, advance(w.dy.memory, first, item), w.dy.row_stride,
                                    advance(w.normal, first, item), n, rows, last - first,
                                    <real*> (w.dw + first * item), item, progress)
    if outcome == DONE and w.db != NULL:
        outcome = add_rows(w.table, advance(w.dy.memory, first, item), w.dy.row_stride, rows, last - first,
                           <real*> (w.db + first * item), item, progress)
    return outcome


cdef class LayerNorm:
    """The weights of a layer normalisation; its calls give None where the arguments are not plain arrays that fit."""

    cdef const Table* table
    cdef int typenum
    cdef Py_ssize_t item, n
    cdef double eps
    cdef object arrays                   # w and b, which nobody else has
    cdef const real* w                   # NULL without
    cdef const real* b

    def __cinit__(self, f32, f64, Py_ssize_t n, bint double_, w, b, double eps):
        cdef PlainArray read
        self.typenum, self.item = (cnp.NPY_DOUBLE, sizeof(double)) if double_ else (cnp.NPY_FLOAT, sizeof(float))
        self.table = <const Table*> PyCapsule_GetPointer(f64 if double_ else f32, "cyrnn.kernels.table")
        self.n, self.eps, self.arrays, self.w, self.b = n, eps, (w, b), NULL, NULL
        for given in (w, b):
            if given is None:
                continue
            if (not read_plain(<PyObject*> given, self.typenum, 1, &read) or read.shape[0] != n
                    or not read.flags & cnp.NPY_ARRAY_C_CONTIGUOUS):
                raise ValueError("cyrnn: the weights of a layer normalisation do not fit each other")
            if given is w:
                self.w = <const real*> read.memory
            else:
                self.b = <const real*> read.memory
        if self.w == NULL and self.b != NULL:
            raise ValueError("cyrnn: a layer normalisation has a bias and no weight")

    def forward(self, x, Lengths lengths=None, bint batch_first=False):
        """Return y (..., n) for x (..., n), of up to two leading axes; or None.

        `lengths`: of a ragged batch x (T, m, n), or with `batch_first` (m, T, n): what is past the end of a sequence is
        not read, and y is zero there.
        """
        cdef Normalization w
        cdef Positions at
        cdef PlainArray read
        cdef int axes = read_rows(x, self.typenum, self.n, &read)
        cdef cnp.ndarray out
        if axes < 0 or not take_positions(&at, axes, read.shape, lengths, batch_first):
            return None
        try:
            require_elements((<double> at.outer * at.inner + 1) * (self.n + 1.0))
            out = new_rows(&at, axes, read.shape, self.n, self.typenum)
            find_rows(&w.x, &at, axes, &read, self.item)
            w.table, w.item, w.w, w.b, w.eps = self.table, self.item, self.w, self.b, self.eps
            w.dy, w.normal, w.out = NULL, NULL, <char*> data(out)
            if at.count > 0 and self.n > 0:
                parallel_for(normalize_range, &w, at.count, at.count * (8.0 * self.n + 256))
        finally:
            free(at.index)
        return out

    def backward(self, x, d_output, Lengths lengths=None, bint batch_first=False):
        """Return (dx, dw, db) for x and the gradient of y, both as in `forward`; None in the place of each that is not
        there. Or None.
        """
        cdef Positions at
        cdef PlainArray read
        cdef PlainArray incoming
        cdef int axes = read_rows(x, self.typenum, self.n, &read)
        cdef Rows dy
        cdef Normalization w
        if axes < 0 or not read_rows_like(d_output, self.typenum, self.n, axes, read.shape, &incoming):
            return None
        if not take_positions(&at, axes, read.shape, lengths, batch_first):
            return None
        try:
            require_elements((<double> at.outer * at.inner + 1) * (self.n + 1.0) * 3)
            find_rows(&w.x, &at, axes, &read, self.item)
            find_rows(&dy, &at, axes, &incoming, self.item)
            w.dy = &dy
            return self.gradients(&w, &dy, axes, read.shape)
        finally:
            free(at.index)

    cdef tuple gradients(self, Normalization* w, Rows* dy, int axes, const cnp.npy_intp* sizes):
        """Allocate the gradients and the memory to work in, and run."""
        cdef NormalSums sums
        cdef Py_ssize_t item = self.item, rows = dy.at.count
        cdef cnp.npy_intp n = self.n
        cdef cnp.npy_intp size = rows * n * (1 if dy.in_place or self.w == NULL else 2) + 3 * CACHE_LINE_BYTES
        cdef cnp.ndarray dx = new_rows(dy.at, axes, sizes, n, self.typenum), workspace, dw = None, db = None
        if self.w != NULL:
            dw = PyArray_ZEROS(1, &n, self.typenum, 0)
        if self.b != NULL:
            db = PyArray_ZEROS(1, &n, self.typenum, 0)
        if rows == 0 or n == 0:
            return dx, dw, db
        workspace = PyArray_EMPTY(1, &size, self.typenum, 0)
        w.table, w.item, w.w, w.b, w.eps = self.table, item, self.w, self.b, self.eps
        w.normal, w.out = aligned(<char*> data(workspace)), <char*> data(dx)
        parallel_for(normalize_range, w, rows, rows * (16.0 * n + 512))
        if dw is not None:
            rows_in_place(dy, item, next_line(w.normal, rows * n * item))
            sums.table, sums.item, sums.dy, sums.normal, sums.dw = self.table, item, dy, w.normal, <char*> data(dw)
            sums.db = <char*> data(db) if db is not None else NULL
            parallel_for(normal_sums_range, &sums, n, <double> rows * n * 32)
        return dx, dw, db
