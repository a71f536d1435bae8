"""Views of memory, copies between strides, and tuples filled."""

cdef inline const char* data(cnp.ndarray a):
    return <const char*> cnp.PyArray_DATA(a)


cdef inline char* next_line(char* memory, Py_ssize_t size) noexcept nogil:
    """The first cache line behind `size` bytes of memory that starts on one."""
    return memory + (size + CACHE_LINE_BYTES - 1) // CACHE_LINE_BYTES * CACHE_LINE_BYTES


cdef inline char* aligned(char* memory) noexcept nogil:
    """The first whole cache line of memory that was asked for with CACHE_LINE_BYTES to spare."""
    return next_line(memory - <size_t> memory % CACHE_LINE_BYTES, 1)


cdef inline const real* advance(const void* p, Py_ssize_t elements, Py_ssize_t item) noexcept nogil:
    """The address so many elements further on; NULL stays NULL."""
    if p == NULL:
        return NULL
    return <const real*> (<const char*> p + elements * item)


cdef void copy(char* out, Py_ssize_t out_row, Py_ssize_t out_col, const char* source, Py_ssize_t row, Py_ssize_t col,
               Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t item) noexcept nogil:
    """out[i, j] = source[i, j]; strides in bytes, item 4 or 8."""
    cdef Py_ssize_t i, j
    if out_col == item and col == item:
        for i in range(rows):
            memcpy(out + i * out_row, source + i * row, cols * item)
        return
    for i in range(rows):
        if item == 8:
            for j in range(cols):
                (<double*> (out + i * out_row + j * out_col))[0] = (<const double*> (source + i * row + j * col))[0]
        else:
            for j in range(cols):
                (<float*> (out + i * out_row + j * out_col))[0] = (<const float*> (source + i * row + j * col))[0]


cdef inline cnp.ndarray view(cnp.ndarray base, Py_ssize_t offset, int nd, const cnp.npy_intp* dims,
                             const cnp.npy_intp* strides):
    """A view of base's memory, offset and strides in bytes."""
    cdef PyArray_Descr* descr = PyArray_DESCR(base)
    cdef cnp.ndarray out
    # NewFromDescr steals a reference, and NumPy never returns it where dtypes are immortal (CPython 3.15): Py_INCREF of
    # the Limited API would count on, view after view, until after 2**30 of them the dtype was mortal
    Py_IncRef(<PyObject*> descr)
    out = PyArray_NewFromDescr(<PyTypeObject*> cnp.ndarray, descr, nd, dims, strides,
                               <char*> cnp.PyArray_DATA(base) + offset,
                               cnp.PyArray_FLAGS(base) & cnp.NPY_ARRAY_WRITEABLE, NULL)
    Py_INCREF(base)
    PyArray_SetBaseObject(out, base)
    return out


cdef inline int set_item(tuple out, Py_ssize_t i, object item) except -1:
    """Fill in an entry of a new tuple."""
    Py_INCREF(item)                                                        # SetItem steals a reference
    return PyTuple_SetItem(out, i, item)
