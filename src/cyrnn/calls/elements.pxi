"""sigmoid, tanh and softmax of a whole array: of a small one, checks in Python would take most of the time."""

cdef enum Function:
    SIGMOID
    TANH
    SOFTMAX

cdef dict functions = {"sigmoid": SIGMOID, "tanh": TANH, "softmax": SOFTMAX}


cdef void apply(Function which, const Table* table, const real* x, Py_ssize_t n, Py_ssize_t N,
                real* out) noexcept nogil:
    """out = the function of x, n rows of N elements."""
    cdef Environment environment = enter_environment()
    if which == SIGMOID:
        table.sigmoid(x, n * N, out)
    elif which == TANH:
        table.tanh(x, n * N, out)
    else:
        table.softmax(x, n, N, out)
    leave_environment(environment)


cdef class Elements:
    """One of these functions, for plain arrays without gaps; None for anything else."""

    cdef Function which
    cdef const Table* f32
    cdef const Table* f64

    def __init__(self, str name, f32, f64):
        self.which = functions[name]
        self.f32 = <const Table*> PyCapsule_GetPointer(f32, "cyrnn.kernels.table")
        self.f64 = <const Table*> PyCapsule_GetPointer(f64, "cyrnn.kernels.table")

    def __call__(self, given):
        cdef const Table* table = self.f64
        cdef cnp.ndarray x, out
        cdef const real* source
        cdef real* target
        cdef Py_ssize_t n, N
        cdef bint by_rows
        if not PyArray_CheckExact(given):
            return None
        x = given
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT:
            table = self.f32
        elif cnp.PyArray_TYPE(x) != cnp.NPY_DOUBLE:
            return None
        by_rows = cnp.PyArray_IS_C_CONTIGUOUS(x)
        if cnp.PyArray_NDIM(x) == 0 or not PyArray_ISBEHAVED_RO(x):
            return None
        if not by_rows and (self.which == SOFTMAX or not cnp.PyArray_IS_F_CONTIGUOUS(x)):
            return None
        out = PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x), not by_rows)
        if cnp.PyArray_SIZE(x) == 0:
            return out
        source, target = <const real*> cnp.PyArray_DATA(x), <real*> cnp.PyArray_DATA(out)
        n = cnp.PyArray_DIM(x, 0)
        N = cnp.PyArray_SIZE(x) // n
        if n * N < RELEASE_GIL_ELEMENTS:
            apply(self.which, table, source, n, N, target)
        else:
            with nogil:
                apply(self.which, table, source, n, N, target)
        return out
