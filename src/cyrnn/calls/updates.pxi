"""Steps of optimizers: all weights at once, so that threads share them, and nothing comes between two."""

cdef enum:
    UPDATE_ELEMENTS = 1024               # of a weight, that one thread does
    UPDATE_FMAS = 16                     # of an element, about: a root, a division, what is read and written


cdef struct WeightUpdate:
    const Table* table
    Update update
    Py_ssize_t end                       # pieces of UPDATE_ELEMENTS up to the end of this weight, from the first on


cdef int update_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some pieces of all weights. It does not pause: a signal finds all weights changed, or none."""
    cdef const WeightUpdate* w = <const WeightUpdate*> given
    cdef Py_ssize_t begin = 0, stop
    while first < last:
        while w.end <= first:
            begin = w.end
            w += 1
        stop = min(last, w.end)
        w.table.update(&w.update, (first - begin) * UPDATE_ELEMENTS,
                       min((stop - begin) * UPDATE_ELEMENTS, w.update.N))
        first = stop
    return DONE


cdef bint take_update(tuple arrays, tuple numbers, int typenum, int method, Update* out) except -1:
    """Read (w, g, *state) and the numbers of a weight; False where arrays do not fit each other."""
    cdef Flat w, other
    cdef Py_ssize_t i
    if len(arrays) < 2 or len(arrays) > 2 + MAX_STATE or len(numbers) > MAX_NUMBERS:
        raise ValueError("cyrnn: an update has other arrays or numbers than its method")
    if not read_flat(<PyObject*> arrays[0], typenum, True, &w):
        return False
    if not read_flat_like(arrays[1], typenum, False, &w, &other):
        return False
    out.method, out.N, out.w, out.g = method, w.size, <real*> w.memory, <const real*> other.memory
    for i in range(MAX_STATE):
        out.state[i] = NULL
        if i + 2 < len(arrays) and arrays[i + 2] is not None:
            if not read_flat_like(arrays[i + 2], typenum, True, &w, &other):
                return False
            out.state[i] = <real*> other.memory
    for i in range(len(numbers)):
        out.number[i] = numbers[i]
    return True
