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


cdef void copy(char* out, Py_ssize_t out_stride_i, Py_ssize_t out_stride_j, const char* source, Py_ssize_t stride_i,
               Py_ssize_t stride_j, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t item) noexcept nogil:
    """out[i, j] = source[i, j]; strides in bytes, item 4 or 8."""
    cdef Py_ssize_t i, j
    for i in range(rows):
        if out_stride_j == item and stride_j == item:
            memcpy(out, source, cols * item)
        elif item == 8:
            for j in range(cols):
                (<double*> (out + j * out_stride_j))[0] = (<const double*> (source + j * stride_j))[0]
        else:
            for j in range(cols):
                (<float*> (out + j * out_stride_j))[0] = (<const float*> (source + j * stride_j))[0]
        out += out_stride_i
        source += stride_i


cdef inline void copy_rows(const CallContext* context, const char* source, Py_ssize_t unit_stride,
                           Py_ssize_t column_stride, Py_ssize_t units, char* out) noexcept nogil:
    """Copy (units, m), strides in bytes, to rows (m, units)."""
    context.table.transpose_steps(<const real*> source, unit_stride // context.item, column_stride // context.item, 0,
                                  units, context.run.m, 1, <real*> out)


cdef inline cnp.ndarray view_at(cnp.ndarray base, const char* memory, PyArray_Descr* descr, int flags, int nd,
                                const cnp.npy_intp* dims, const cnp.npy_intp* strides):
    """A view of memory that base owns; steals the reference to the dtype."""
    cdef cnp.ndarray out = PyArray_NewFromDescr(<PyTypeObject*> cnp.ndarray, descr, nd, dims, strides, <void*> memory,
                                                flags & cnp.NPY_ARRAY_WRITEABLE, NULL)
    Py_INCREF(base)
    PyArray_SetBaseObject(out, base)
    return out


cdef inline cnp.ndarray view(cnp.ndarray base, Py_ssize_t offset, int nd, const cnp.npy_intp* dims,
                             const cnp.npy_intp* strides):
    """A view of the memory of an array of our own, which nobody else has seen yet; offset and strides in bytes."""
    cdef PyArray_Descr* descr = PyArray_DESCR(base)
    # NewFromDescr steals a reference, and NumPy never returns it where dtypes are immortal (CPython 3.15): Py_INCREF of
    # the Limited API would count on, view after view, until after 2**30 of them the dtype was mortal
    Py_IncRef(<PyObject*> descr)
    return view_at(base, data(base) + offset, descr, cnp.PyArray_FLAGS(base), nd, dims, strides)


cdef inline cnp.ndarray view_of_plain(cnp.ndarray base, const PlainArray* read, cnp.ndarray like, Py_ssize_t offset,
                                      int nd, const cnp.npy_intp* dims, const cnp.npy_intp* strides):
    """A view of the memory of a caller's array as it was when it was read, whatever has become of the array since.

    `like`: an array of our own that has the dtype of the call.
    """
    cdef PyArray_Descr* descr = PyArray_DESCR(like)
    Py_IncRef(<PyObject*> descr)
    return view_at(base, read.memory + offset, descr, read.flags, nd, dims, strides)


cdef inline int set_item(tuple out, Py_ssize_t i, object item) except -1:
    """Fill in an entry of a new tuple."""
    Py_INCREF(item)                                                        # SetItem steals a reference
    return PyTuple_SetItem(out, i, item)
