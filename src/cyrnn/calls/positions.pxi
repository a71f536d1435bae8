"""Rows of an array with up to two leading axes: all of them, or of a ragged batch those within their sequence.

A position is a row's number in C order. Example: of lengths (2, 0, 1) the positions of x (L = 2, N = 3, n) are 0, 2
and 3; batch-first, of x (N = 3, L = 2, n), they are 0, 1 and 4.
"""

cdef struct Positions:
    Py_ssize_t outer, inner          # sizes of the leading axes; 1 where there is none
    Py_ssize_t count                 # how many rows take part
    Py_ssize_t* index                # (count,): their positions, ascending; NULL: all rows


cdef struct Rows:
    # rows (n,) of a caller's array; strides in bytes
    const Positions* at
    const char* memory
    Py_ssize_t outer_stride, inner_stride, stride_k
    Py_ssize_t n
    bint in_place                    # whether kernels can read all rows as they are, one so far from the other:
    Py_ssize_t row_stride            # in elements


cdef bint take_positions(Positions* at, int axes, const cnp.npy_intp* sizes, Lengths lengths,
                         bint batch_first) except -1:
    """Find the rows that take part, of so many leading axes; False where lengths do not fit. `index` is to be freed."""
    cdef Py_ssize_t i, j, n = 0
    at.outer = sizes[0] if axes > 1 else 1
    at.inner = sizes[axes - 1] if axes > 0 else 1
    at.count, at.index = at.outer * at.inner, NULL
    if lengths is None:
        return True
    if axes != 2 or at.outer != (lengths.m if batch_first else lengths.T):
        return False
    if at.inner != (lengths.T if batch_first else lengths.m):
        return False
    if lengths.total == at.count:
        return True
    at.count = lengths.total
    at.index = <Py_ssize_t*> malloc((at.count + 1) * sizeof(Py_ssize_t))
    if at.index == NULL:
        raise MemoryError("cyrnn: no memory for the lengths")
    for i in range(at.outer):
        for j in range(at.inner):
            if (j if batch_first else i) < lengths.lengths[i if batch_first else j]:
                at.index[n] = i * at.inner + j
                n += 1
    return True


cdef cnp.ndarray copy_indices(object given):
    """Return a copy of whole numbers in an array of up to two axes, as int64; None of anything else."""
    if not PyArray_CheckExact(given) or not PyArray_ISINTEGER(<cnp.ndarray> given):
        return None
    try:
        found = cnp.PyArray_FROM_OTF(given, cnp.NPY_INT64, cnp.NPY_ARRAY_CARRAY | cnp.NPY_ARRAY_ENSURECOPY)
    except (TypeError, OverflowError):
        return None
    return found if cnp.PyArray_NDIM(<cnp.ndarray> found) < MAX_AXES else None


cdef inline Py_ssize_t position_of(const Positions* at, Py_ssize_t row) noexcept nogil:
    """The position of one of the rows that take part."""
    return row if at.index == NULL else at.index[row]


cdef int require_elements(double elements) except -1:
    """Refuse sizes that arrays of stride 0 can claim and no memory holds: every count of bytes fits an address."""
    if elements < MAX_ELEMENTS:
        return 0
    raise MemoryError("cyrnn: no memory for the results")


cdef int read_rows(object given, int typenum, Py_ssize_t n, PlainArray* out) except -2:
    """Read an array (..., n) of up to two leading axes; return how many those are, -1 where it does not fit."""
    cdef int axes
    if not PyArray_CheckExact(given):
        return -1
    axes = cnp.PyArray_NDIM(<cnp.ndarray> given) - 1
    if not 0 <= axes < MAX_AXES or not read_plain(<PyObject*> given, typenum, axes + 1, out) or out.shape[axes] != n:
        return -1
    return axes


cdef bint read_rows_like(object given, int typenum, Py_ssize_t n, int axes, const cnp.npy_intp* sizes,
                         PlainArray* out) except -1:
    """The same, of an array that has to have these leading axes."""
    cdef int i
    if axes < 0 or read_rows(given, typenum, n, out) != axes:     # gcc does not know that it is not negative
        return False
    for i in range(axes):
        if out.shape[i] != sizes[i]:
            return False
    return True


cdef void find_rows(Rows* rows, const Positions* at, int axes, const PlainArray* read, Py_ssize_t item) noexcept:
    """The rows of an array that was read, and whether they are a matrix in place."""
    rows.at, rows.memory, rows.n = at, read.memory, read.shape[axes]
    rows.outer_stride = read.strides[0] if axes > 1 else 0
    rows.inner_stride = read.strides[axes - 1] if axes > 0 else 0
    rows.stride_k = read.strides[axes]
    rows.in_place = rows.stride_k == item or rows.n <= 1
    if at.inner == 1:
        rows.row_stride = rows.outer_stride // item
    else:
        rows.row_stride = rows.inner_stride // item
        if at.outer > 1 and rows.outer_stride != at.inner * rows.inner_stride:
            rows.in_place = False
    if at.index != NULL:
        rows.in_place = False


cdef inline const char* row_at(const Rows* rows, Py_ssize_t position) noexcept nogil:
    cdef Py_ssize_t inner = rows.at.inner
    return rows.memory + position // inner * rows.outer_stride + position % inner * rows.inner_stride


cdef void gather_positions(const Rows* rows, Py_ssize_t first, Py_ssize_t last, Py_ssize_t item,
                           char* out) noexcept nogil:
    """Copy the rows first <= i < last of those that take part, one behind the other."""
    cdef Py_ssize_t i
    for i in range(first, last):
        copy_row(out, row_at(rows, position_of(rows.at, i)), rows.stride_k, rows.n, item)
        out += rows.n * item


cdef char* rows_in_place(Rows* rows, Py_ssize_t item, char* memory) noexcept nogil:
    """Let all rows that take part stand in one matrix, if need be copied to memory; return where memory goes on."""
    if rows.in_place:
        return memory
    gather_positions(rows, 0, rows.at.count, item, memory)
    rows.memory, rows.row_stride, rows.in_place = memory, rows.n, True
    return next_line(memory, rows.at.count * rows.n * item)


cdef cnp.ndarray new_rows(const Positions* at, int axes, const cnp.npy_intp* sizes, Py_ssize_t n, int typenum):
    """A new array (..., n) with these leading axes, with zeros where not every row takes part."""
    cdef cnp.npy_intp dims[MAX_AXES]
    cdef int i
    for i in range(axes):
        dims[i] = sizes[i]
    dims[axes] = n
    if at.index == NULL:
        return PyArray_EMPTY(axes + 1, dims, typenum, 0)
    return PyArray_ZEROS(axes + 1, dims, typenum, 0)


cdef struct SortedPositions:
    # positions by a number that each has, its key
    Py_ssize_t kinds                 # how many keys occur,
    const Py_ssize_t* keys           # (kinds,): and which, ascending
    const Py_ssize_t* ends           # (kinds,): where the positions of each end in
    const Py_ssize_t* positions      # those of one key behind the other, ascending


cdef Py_ssize_t* sort_positions(const Positions* at, const cnp.int64_t* keys, Py_ssize_t limit, Py_ssize_t skipped,
                                SortedPositions* out) except NULL:
    """Sort the positions that take part by their keys, which are below a limit, by counting; one key is left out.

    Returns the memory of the result, which is to be freed.
    """
    cdef Py_ssize_t count = at.count, i, key, end = 0
    cdef Py_ssize_t* ends = <Py_ssize_t*> calloc(2 * limit + count + 1, sizeof(Py_ssize_t))
    cdef Py_ssize_t* found
    cdef Py_ssize_t* positions
    if ends == NULL:
        raise MemoryError("cyrnn: no memory for the gradient")
    found = ends + limit
    positions = found + limit
    for i in range(count):
        key = <Py_ssize_t> keys[position_of(at, i)]
        if key != skipped:
            ends[key] += 1
    for key in range(limit):                         # from how many there are to where the first goes
        i = ends[key]
        ends[key] = end
        end += i
    for i in range(count):
        key = <Py_ssize_t> keys[position_of(at, i)]
        if key != skipped:
            positions[ends[key]] = position_of(at, i)
            ends[key] += 1
    out.kinds = end = 0
    for key in range(limit):                         # those that occur, without the others
        if ends[key] > end:
            end = ends[key]
            found[out.kinds], ends[out.kinds] = key, end
            out.kinds += 1
    out.keys, out.ends, out.positions = found, ends, positions
    return ends
