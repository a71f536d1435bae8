"""sigmoid, tanh and softmax of a whole array: of a small one, checks in Python would take most of the time."""

cdef enum Function:
    SIGMOID
    TANH
    SOFTMAX

cdef dict functions = {"sigmoid": SIGMOID, "tanh": TANH, "softmax": SOFTMAX}


cdef struct Application:
    # a function and its arrays, n rows of N elements; of a function of elements one row
    Function which
    const Table* table
    const real* x
    real* out
    Py_ssize_t n, N, item


cdef int apply_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """out = the function of x, of the columns first <= i < last."""
    cdef const Application* w = <const Application*> given
    cdef Py_ssize_t limit = w.table.lanes * BLOCK_ELEMENTS, block = last - first, count
    cdef const real* x
    cdef real* out
    if w.n * block > limit:
        block = (limit // w.n // MAX_LANES + 1) * MAX_LANES
    while True:
        count = min(block, last - first)
        x, out = advance(w.x, first, w.item), <real*> advance(w.out, first, w.item)
        if w.which == SIGMOID:
            w.table.sigmoid(x, count, out)
        elif w.which == TANH:
            w.table.tanh(x, count, out)
        else:
            w.table.softmax(x, w.N, w.n, count, out)
        first += count
        if first == last:
            return DONE
        if pause(progress):
            return STOPPED


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
        cdef Application w
        cdef cnp.ndarray out
        cdef int typenum, flags
        if not PyArray_CheckExact(given):
            return None
        # all of it is read here, with nothing in between (plain.pxi); the sizes by NumPy, into an array of our own
        typenum, flags = cnp.PyArray_TYPE(<cnp.ndarray> given), cnp.PyArray_FLAGS(<cnp.ndarray> given)
        w.x = <const real*> cnp.PyArray_DATA(<cnp.ndarray> given)
        w.which, w.table, w.item = self.which, self.f64, sizeof(double)
        if typenum == cnp.NPY_FLOAT:
            w.table, w.item = self.f32, sizeof(float)
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
        w.out = <real*> cnp.PyArray_DATA(out)
        w.n, w.N = 1, cnp.PyArray_SIZE(out)
        if self.which == SOFTMAX:
            w.n = cnp.PyArray_DIM(out, 0)
            w.N //= w.n
        run_alone(apply_range, &w, w.N, w.n * w.N >= RELEASE_GIL_ELEMENTS)
        return out
