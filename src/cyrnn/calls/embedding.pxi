"""An embedding: rows of a matrix by their indices, forward and backward.

The gradient of a row is the sum of what comes in at its positions, in their order, as that of a bias is: in blocks
(../kernels/outer.pxi).
"""

cdef enum:
    LOOKED_UP_ROWS = 4096            # between two pauses


cdef struct Lookup:
    # rows (n,) of W by their indices; in C order of all positions
    const Positions* at
    const cnp.int64_t* indices       # of all positions; checked where they take part
    const char* W
    Py_ssize_t n, item
    const Table* table
    char* out


cdef int lookup_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some of the rows that take part."""
    cdef const Lookup* w = <const Lookup*> given
    cdef Py_ssize_t size = w.n * w.item, i, position, count
    while first < last:
        count = min(LOOKED_UP_ROWS, last - first)
        for i in range(first, first + count):
            position = position_of(w.at, i)
            memcpy(w.out + position * size, w.W + <Py_ssize_t> w.indices[position] * size, size)
        first += count
        if worked(w.table, <double> count * w.n * COPY_COST_FMAS, progress):
            return STOPPED
    return DONE


cdef struct RowSums:
    # dW (rows, n): of each row that occurs the sum of d at its positions
    const Table* table
    Rows d
    SortedPositions by_row           # of W
    Py_ssize_t item
    char* dW


cdef int row_sums_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some of the rows that occur; what comes in at the positions of each is copied, a group of sums at a time."""
    cdef const RowSums* w = <const RowSums*> given
    cdef Py_ssize_t size = w.d.n * w.item, most = 0, i, j, k, count
    cdef char* copied
    cdef int outcome = DONE
    for i in range(first, last):
        most = max(most, w.by_row.ends[i] - (w.by_row.ends[i - 1] if i > 0 else 0))
    copied = <char*> malloc(min(most, GROUP_ROWS) * size + 1)
    if copied == NULL:
        return NO_MEMORY
    for i in range(first, last):
        j = w.by_row.ends[i - 1] if i > 0 else 0
        while j < w.by_row.ends[i] and outcome == DONE:
            count = min(GROUP_ROWS, w.by_row.ends[i] - j)
            for k in range(count):
                copy_row(copied + k * size, row_at(&w.d, w.by_row.positions[j + k]), w.d.stride_k, w.d.n, w.item)
            outcome = add_rows(w.table, <const real*> copied, w.d.n, count, w.d.n,
                               <real*> (w.dW + w.by_row.keys[i] * size), w.item, progress)
            j += count
    free(copied)
    return outcome


cdef class Embedding:
    """The rows of an embedding; its calls give None where the arguments are not plain arrays that fit."""

    cdef const Table* table
    cdef int typenum
    cdef object array                    # W, which nobody else has
    cdef const char* W                   # (rows, n), contiguous
    cdef Py_ssize_t item, rows, n
    cdef Py_ssize_t padding              # the row that gets no gradient; -1: none

    def __cinit__(self, f32, f64, cnp.ndarray W not None, padding):
        cdef PlainArray read
        self.typenum, self.item = cnp.PyArray_TYPE(W), cnp.PyArray_ITEMSIZE(W)
        self.table = <const Table*> PyCapsule_GetPointer(f64 if self.typenum == cnp.NPY_DOUBLE else f32,
                                                         "cyrnn.kernels.table")
        if (self.typenum not in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE)
                or not read_plain(<PyObject*> (<object> W), self.typenum, 2, &read)
                or not read.flags & cnp.NPY_ARRAY_C_CONTIGUOUS):
            raise TypeError("cyrnn: the weights of an embedding are no plain array of float32 or float64")
        self.array, self.W, self.rows, self.n = W, read.memory, read.shape[0], read.shape[1]
        self.padding = -1 if padding is None else padding

    cdef bint within(self, const Positions* at, const cnp.int64_t* indices) noexcept:
        """Whether every index that takes part is that of a row."""
        cdef Py_ssize_t i
        for i in range(at.count):
            if not 0 <= indices[position_of(at, i)] < self.rows:
                return False
        return True

    def forward(self, indices, Lengths lengths=None, bint batch_first=False):
        """Return the rows (..., n) of indices (...), of up to two axes; or None.

        `lengths`: of a ragged batch (T, m), or with `batch_first` (m, T): what is past the end of a sequence is not
        looked at, and its rows are zero.
        """
        cdef Lookup w
        cdef Positions at
        cdef cnp.ndarray copied = copy_indices(indices)
        cdef cnp.ndarray out
        cdef int axes
        if copied is None:
            return None
        axes = cnp.PyArray_NDIM(copied)
        if not take_positions(&at, axes, cnp.PyArray_DIMS(copied), lengths, batch_first):
            return None
        try:
            w.indices = <const cnp.int64_t*> data(copied)
            if not self.within(&at, w.indices):
                return None
            require_elements((<double> at.outer * at.inner + 1) * (self.n + 1.0))
            out = new_rows(&at, axes, cnp.PyArray_DIMS(copied), self.n, self.typenum)
            w.at, w.W, w.n, w.item, w.table, w.out = &at, self.W, self.n, self.item, self.table, <char*> data(out)
            if at.count > 0:
                parallel_for(lookup_range, &w, at.count, <double> at.count * self.n * COPY_COST_FMAS)
        finally:
            free(at.index)
        return out

    def backward(self, indices, d_output, Lengths lengths=None, bint batch_first=False):
        """Return dW for indices as in `forward` and the gradient of its result; or None."""
        cdef RowSums w
        cdef Positions at
        cdef PlainArray incoming
        cdef cnp.ndarray copied = copy_indices(indices)
        cdef cnp.ndarray dW
        cdef cnp.npy_intp dims[2]
        cdef const cnp.int64_t* found
        cdef int axes
        if copied is None:
            return None
        axes, found = cnp.PyArray_NDIM(copied), <const cnp.int64_t*> data(copied)
        if not read_rows_like(d_output, self.typenum, self.n, axes, cnp.PyArray_DIMS(copied), &incoming):
            return None
        if not take_positions(&at, axes, cnp.PyArray_DIMS(copied), lengths, batch_first):
            return None
        try:
            if not self.within(&at, found):
                return None
            require_elements((<double> at.outer * at.inner + 1) * (self.n + 1.0))
            dims[0], dims[1] = self.rows, self.n
            dW = PyArray_ZEROS(2, dims, self.typenum, 0)
            w.table, w.item, w.dW = self.table, self.item, <char*> data(dW)
            find_rows(&w.d, &at, axes, &incoming, self.item)
            self.sum_rows(&w, found)
        finally:
            free(at.index)
        return dW

    cdef int sum_rows(self, RowSums* w, const cnp.int64_t* indices) except -1:
        """Sort the positions by their row, and add up."""
        cdef Py_ssize_t* work = sort_positions(w.d.at, indices, self.rows, self.padding, &w.by_row)
        try:
            if w.by_row.kinds > 0:
                parallel_for(row_sums_range, w, w.by_row.kinds,
                             <double> w.by_row.ends[w.by_row.kinds - 1] * self.n * COPY_COST_FMAS)
        finally:
            free(work)
        return 0
