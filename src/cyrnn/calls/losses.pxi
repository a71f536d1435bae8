"""Losses with their gradients, of contiguous arrays: each element, or each row of logits, stands for itself."""

cdef struct Flat:
    # what a contiguous array said of itself when it was read
    char* memory
    Py_ssize_t size
    int axes
    cnp.npy_intp shape[MAX_AXES]


cdef inline bint read_flat(PyObject* given, int typenum, bint written, Flat* out) noexcept:
    """Copy what a plain contiguous array says of itself, as `read_plain`; `written`: of one that can be changed."""
    cdef int i, flags
    if (not PyArray_CheckExact(<object> given) or cnp.PyArray_TYPE(<cnp.ndarray> given) != typenum
            or not PyArray_ISBEHAVED_RO(<cnp.ndarray> given)):
        return False
    flags, out.axes = cnp.PyArray_FLAGS(<cnp.ndarray> given), cnp.PyArray_NDIM(<cnp.ndarray> given)
    if not flags & cnp.NPY_ARRAY_C_CONTIGUOUS or (written and not flags & cnp.NPY_ARRAY_WRITEABLE):
        return False
    if out.axes > MAX_AXES:
        return False
    out.memory, out.size = <char*> cnp.PyArray_DATA(<cnp.ndarray> given), 1
    for i in range(out.axes):
        out.shape[i] = cnp.PyArray_DIM(<cnp.ndarray> given, i)
        out.size *= out.shape[i]
    return True


cdef bint read_flat_like(object given, int typenum, bint written, const Flat* like, Flat* out) except -1:
    """The same, of an array of the shape of another."""
    cdef int i
    if not read_flat(<PyObject*> given, typenum, written, out) or out.axes != like.axes:
        return False
    for i in range(like.axes):
        if out.shape[i] != like.shape[i]:
            return False
    return True


cdef enum:
    LOSS_FMAS = 32                       # of an element, about: exp, and what goes with it
    SUM_ELEMENTS = 1 << 22               # between two looks at signals


cdef struct ElementLosses:
    const Table* table
    ElementLoss loss


cdef int element_loss_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some elements of a loss, in blocks."""
    cdef const ElementLosses* w = <const ElementLosses*> given
    cdef Py_ssize_t stop
    while first < last:
        stop = min(last, first + w.table.lanes * BLOCK_ELEMENTS)
        w.table.element_loss(&w.loss, first, stop)
        first = stop
        if pause(progress):
            return STOPPED
    return DONE


cdef struct RowLosses:
    const Table* table
    CrossEntropy loss


cdef int row_loss_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some rows of a cross entropy, in blocks."""
    cdef const RowLosses* w = <const RowLosses*> given
    cdef Py_ssize_t block = w.table.lanes * BLOCK_ELEMENTS // w.loss.classes + 1, stop
    while first < last:
        stop = min(last, first + block)
        w.table.cross_entropy(&w.loss, first, stop)
        first = stop
        if pause(progress):
            return STOPPED
    return DONE


cdef struct Sum:
    const Table* table
    Py_ssize_t item
    const real* x
    bint squares
    double* total


cdef int sum_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Add up an array, or its squares, in its order: by one thread."""
    cdef const Sum* w = <const Sum*> given
    cdef const real* x
    cdef Py_ssize_t count
    while first < last:
        x, count = advance(w.x, first, w.item), min(SUM_ELEMENTS, last - first)
        if w.squares:
            w.total[0] = w.table.sum_of_squares(x, count, w.total[0])
        else:
            w.total[0] = w.table.sum(x, count, w.total[0])
        first += count
        if pause(progress):
            return STOPPED
    return DONE


cdef double sum_array(const Table* table, Py_ssize_t item, const real* x, Py_ssize_t N, bint squares) except? -1:
    """The sum of x (N,), or of its squares, in float64."""
    cdef Sum w
    cdef double total = 0
    w.table, w.item, w.x, w.squares, w.total = table, item, x, squares, &total
    run_alone(sum_range, &w, N, N >= 4 * RELEASE_GIL_ELEMENTS)
    return total


cdef bint take_targets(cnp.int64_t* targets, Py_ssize_t rows, Py_ssize_t classes, cnp.int64_t ignored,
                       Py_ssize_t* count) noexcept nogil:
    """Mark rows that count nothing by -1, and count the others; False where a target is no class."""
    cdef Py_ssize_t i
    count[0] = 0
    for i in range(rows):
        if targets[i] == ignored:
            targets[i] = -1
        elif 0 <= targets[i] < classes:
            count[0] += 1
        else:
            return False
    return True
