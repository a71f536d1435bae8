"""A caller's array, read once; containers of our own, out of the collector's sight until they are full.

While a call lasts, anything may happen to its arguments: a key's __eq__, a callback of the collector, or another thread
while the GIL is released, may set `x.shape`. So where the memory of an array is, its sizes and its strides are copied
together, with nothing in between, and the copy alone is checked and used.
"""

cdef enum:
    MAX_AXES = 3             # of the arrays in a call


cdef struct PlainArray:
    # what an array said of itself when it was read; strides in bytes
    const char* memory
    cnp.npy_intp shape[MAX_AXES]
    cnp.npy_intp strides[MAX_AXES]
    int flags


cdef inline bint read_plain(PyObject* given, int typenum, int axes, PlainArray* out) noexcept:
    """Copy what a plain array says of itself: an aligned native ndarray, no subclass, of that dtype and number of axes.

    False for anything else, NULL and None included. The array has to stay alive as long as the copy is used.
    """
    cdef int i
    if (given == NULL or not PyArray_CheckExact(<object> given)
            or cnp.PyArray_TYPE(<cnp.ndarray> given) != typenum or cnp.PyArray_NDIM(<cnp.ndarray> given) != axes
            or not PyArray_ISBEHAVED_RO(<cnp.ndarray> given)):
        return False
    out.memory = <const char*> cnp.PyArray_DATA(<cnp.ndarray> given)
    out.flags = cnp.PyArray_FLAGS(<cnp.ndarray> given)
    for i in range(axes):
        out.shape[i] = cnp.PyArray_DIM(<cnp.ndarray> given, i)
        out.strides[i] = cnp.PyArray_STRIDE(<cnp.ndarray> given, i)
    return True


cdef inline bint read_matrix(PyObject* given, int typenum, Py_ssize_t rows, Py_ssize_t cols,
                             PlainArray* out) noexcept:
    """The same, of an array that has to be (rows, cols)."""
    return read_plain(given, typenum, 2, out) and out.shape[0] == rows and out.shape[1] == cols


cdef inline void hide(object container) noexcept:
    """Let the collector not see a new container: its items are NULL, at which a callback that looks would die."""
    PyObject_GC_UnTrack(<PyObject*> container)


cdef inline void show(object container) noexcept:
    """Let the collector see a container that was hidden, and is full."""
    PyObject_GC_Track(<PyObject*> container)
