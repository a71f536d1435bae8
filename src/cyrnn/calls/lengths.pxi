"""Ragged batches: the lengths of their sequences, copied, checked and sorted.

The longest come first, so that the sequences that still go on are the first columns at every step. Example: of lengths
(2, 4, 0, 4) and T = 5 the order is (1, 3, 0, 2), and the batch sizes of the steps are (3, 3, 2, 2, 0).
"""

cdef class Lengths:
    """The lengths of a batch, for every sublayer of a call. Never changed."""

    cdef Py_ssize_t T, m
    cdef Py_ssize_t total            # steps of all sequences together
    cdef Py_ssize_t* lengths         # (m,): of each sequence, in the caller's order
    cdef Py_ssize_t* order           # (m,): which sequence a column is
    cdef Py_ssize_t* batch_sizes     # (T,): how many columns go on

    def __dealloc__(self):
        free(self.lengths)

    cdef int sort(self) except -1:
        """Sort in descending order, stable, by counting."""
        cdef Py_ssize_t j, t, start = 0, length
        cdef Py_ssize_t* starts = <Py_ssize_t*> calloc(self.T + 2, sizeof(Py_ssize_t))
        if starts == NULL:
            raise MemoryError("cyrnn: no memory for the lengths")
        for j in range(self.m):
            starts[self.lengths[j]] += 1
        for length in range(self.T, -1, -1):             # from how many there are to the column of the first
            j = starts[length]
            starts[length] = start
            start += j
            if length > 0:
                self.batch_sizes[length - 1] = start
                self.total += start
        for j in range(self.m):
            self.order[starts[self.lengths[j]]] = j
            starts[self.lengths[j]] += 1
        free(starts)
        return 0


def lengths(given, Py_ssize_t T, Py_ssize_t m):
    """Return m lengths from 0 to T, sorted; None where `given` is neither whole numbers in a list nor a plain array."""
    cdef Lengths out
    cdef cnp.ndarray array
    cdef Py_ssize_t j
    cdef const cnp.int64_t* found
    if type(given) is list or type(given) is tuple:
        given = tuple(given)                             # the same from here on, whatever another thread does to a list
        for item in given:
            if type(item) is not int:
                return None
        if len(given) != m:
            return None
    elif not (PyArray_CheckExact(given) and PyArray_ISINTEGER(<cnp.ndarray> given)):
        return None
    if T < 0 or m < 0 or T > MAX_ELEMENTS or m > MAX_ELEMENTS:
        return None
    try:
        array = cnp.PyArray_FROM_OTF(given, cnp.NPY_INT64, cnp.NPY_ARRAY_CARRAY | cnp.NPY_ARRAY_ENSURECOPY)
    except (TypeError, OverflowError):
        return None
    if cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_SIZE(array) != m:
        return None
    out = Lengths()
    out.lengths = <Py_ssize_t*> malloc((2 * m + T + 1) * sizeof(Py_ssize_t))
    if out.lengths == NULL:
        raise MemoryError("cyrnn: no memory for the lengths")
    out.T, out.m = T, m
    out.order = out.lengths + m
    out.batch_sizes = out.order + m
    found = <const cnp.int64_t*> data(array)
    for j in range(m):
        if found[j] < 0 or found[j] > T:
            return None
        out.lengths[j] = <Py_ssize_t> found[j]
    out.sort()
    return out


cdef struct RowOrder:
    # the order in which a sublayer runs the steps of its caller: of a ragged batch sorted, of a reverse direction from
    # the end of each sequence
    Py_ssize_t T, m
    Py_ssize_t total                 # steps of all sequences together
    const Py_ssize_t* order          # as in Lengths; NULL where all have T steps
    const Py_ssize_t* lengths
    const Py_ssize_t* batch_sizes
    bint reverse


cdef inline RowOrder row_order(Lengths lengths, Py_ssize_t T, Py_ssize_t m, bint reverse) noexcept:
    cdef RowOrder rows
    rows.T, rows.m, rows.total, rows.reverse = T, m, T * m, reverse
    rows.order = rows.lengths = rows.batch_sizes = NULL
    if lengths is not None:
        rows.total = lengths.total
        rows.order, rows.lengths, rows.batch_sizes = lengths.order, lengths.lengths, lengths.batch_sizes
    return rows


cdef inline Py_ssize_t sequence_of(const RowOrder* rows, Py_ssize_t column) noexcept nogil:
    return column if rows.order == NULL else rows.order[column]


cdef inline Py_ssize_t length_of(const RowOrder* rows, Py_ssize_t sequence) noexcept nogil:
    return rows.T if rows.lengths == NULL else rows.lengths[sequence]


cdef inline Py_ssize_t time_of(const RowOrder* rows, Py_ssize_t sequence, Py_ssize_t t) noexcept nogil:
    """The caller's step of a sequence that is run at step t."""
    return length_of(rows, sequence) - 1 - t if rows.reverse else t


cdef inline Py_ssize_t batch_size(const RowOrder* rows, Py_ssize_t t) noexcept nogil:
    """How many columns go on at step t."""
    return rows.m if rows.batch_sizes == NULL else rows.batch_sizes[t]


cdef inline void copy_row(char* out, const char* source, Py_ssize_t stride, Py_ssize_t n,
                          Py_ssize_t item) noexcept nogil:
    """out (n,) = source (n,), whose elements are `stride` bytes apart."""
    if stride == item or n == 1:
        memcpy(out, source, n * item)
    else:
        copy(out, item, item, source, stride, item, n, 1, item)


cdef void gather_rows(const RowOrder* rows, const char* source, Py_ssize_t stride_t, Py_ssize_t stride_m,
                      Py_ssize_t stride_k, Py_ssize_t n, Py_ssize_t item, char* out) noexcept nogil:
    """out (T, m, n), of the rows that take part, from a caller's array; strides in bytes."""
    cdef Py_ssize_t t, j, k
    if rows.m == 0:
        return
    for t in range(rows.T):
        for j in range(batch_size(rows, t)):
            k = sequence_of(rows, j)
            copy_row(out + (t * rows.m + j) * n * item, source + time_of(rows, k, t) * stride_t + k * stride_m,
                     stride_k, n, item)


cdef void scatter_rows(const RowOrder* rows, const char* source, Py_ssize_t source_stride_t, Py_ssize_t size, char* out,
                       Py_ssize_t stride_t, Py_ssize_t stride_m) noexcept nogil:
    """To a caller's array from rows of `size` bytes: contiguous in each step, and these source_stride_t bytes apart, or
    without gaps where that is 0. Steps past the end of a sequence are zeros.
    """
    cdef Py_ssize_t t, j, k, count
    cdef const char* row = source
    if rows.m == 0:
        return
    for t in range(rows.T):
        count = batch_size(rows, t)
        if source_stride_t:
            row = source + t * source_stride_t
        for j in range(rows.m):
            k = sequence_of(rows, j)
            if j < count:
                memcpy(out + time_of(rows, k, t) * stride_t + k * stride_m, row, size)
                row += size
            else:                    # past the end, which is the same time in both directions
                memset(out + t * stride_t + k * stride_m, 0, size)


cdef char* compact_rows(const RowOrder* rows, Py_ssize_t since, const char* source, Py_ssize_t size,
                        char* out) noexcept nogil:
    """The rows that take part in the steps from `since` on, without gaps, from source (T - since, m), of `size` bytes.

    Returns where memory goes on; out may be the source.
    """
    cdef Py_ssize_t t
    for t in range(since, rows.T):
        memmove(out, source + (t - since) * rows.m * size, batch_size(rows, t) * size)
        out += batch_size(rows, t) * size
    return out
