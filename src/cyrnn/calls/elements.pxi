"""sigmoid, tanh and softmax of a whole array: of a small one, checks in Python would take most of the time."""

cdef enum Function:
    SIGMOID
    TANH
    SOFTMAX

cdef dict functions = {"sigmoid": SIGMOID, "tanh": TANH, "softmax": SOFTMAX}


cdef void apply(Function which, const Table* table, const real* x, Py_ssize_t n, Py_ssize_t N,
                real* out) noexcept nogil:
    """out = the function of x, n rows of N elements."""
    if which == SIGMOID:
        table.sigmoid(x, n * N, out)
    elif which == TANH:
        table.tanh(x, n * N, out)
    else:
        table.softmax(x, n, N, out)


cdef class Elements:
    """One of these functions, for plain arrays without gaps; None for anything else."""

    cdef Function which
    cdef const Table* f32
    cdef const Table* f64

    def __cinit__(self, str name not None, f32, f64):
        self.which = functions[name]
        self.f32 = <const Table*> PyCapsule_GetPointer(f32, "cyrnn.kernels.table")
        self.f64 = <const Table*> PyCapsule_GetPointer(f64, "cyrnn.kernels.table")

    def __call__(self, given):
        cdef const Table* table = self.f64
        cdef cnp.ndarray out
        cdef const real* source
        cdef real* target
        cdef Py_ssize_t n, N
        cdef int typenum, flags
        if not PyArray_CheckExact(given):
            return None
        # all of it is read here, with nothing in between (plain.pxi); the sizes by NumPy, into an array of our own
        typenum, flags = cnp.PyArray_TYPE(<cnp.ndarray> given), cnp.PyArray_FLAGS(<cnp.ndarray> given)
        source = <const real*> cnp.PyArray_DATA(<cnp.ndarray> given)
        if typenum == cnp.NPY_FLOAT:
            table = self.f32
        elif typenum != cnp.NPY_DOUBLE:
            return None
        if cnp.PyArray_NDIM(<cnp.ndarray> given) == 0 or not PyArray_ISBEHAVED_RO(<cnp.ndarray> given):
            return None
        if not flags & cnp.NPY_ARRAY_C_CONTIGUOUS and (self.which == SOFTMAX or not flags & cnp.NPY_ARRAY_F_CONTIGUOUS):
            return None
        out = PyArray_EMPTY(cnp.PyArray_NDIM(<cnp.ndarray> given), cnp.PyArray_DIMS(<cnp.ndarray> given), typenum,
                            not flags & cnp.NPY_ARRAY_C_CONTIGUOUS)
        if cnp.PyArray_SIZE(out) == 0:
            return out
        target = <real*> cnp.PyArray_DATA(out)
        n = cnp.PyArray_DIM(out, 0)
        N = cnp.PyArray_SIZE(out) // n
        if n * N < RELEASE_GIL_ELEMENTS:
            apply(self.which, table, source, n, N, target)
        else:
            with nogil:
                apply(self.which, table, source, n, N, target)
        return out
