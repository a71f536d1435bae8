"""The state of one call, and the slots of a cache tuple."""

cdef class CellCalls                     # cell_calls.pxi


cdef enum SlotKind:
    NEXT                     # a state after the step
    PREVIOUS                 # a state before the step
    GATE
    INPUT
    PARAMETERS

cdef enum Path:
    PACKED                   # packed weights, units in lanes
    UNPACKED                 # the notebook's own layout, batch in lanes
    UNPACKED_STEP            # the same for few columns, units in lanes


cdef struct SavedArray:
    # an array of a cache tuple, (units, m), as it was when it was checked; strides in bytes
    const char* memory
    Py_ssize_t unit_stride, column_stride


cdef struct CallContext:
    # Strides of results are in bytes, strides of `run` in elements.
    Run run
    GateWeights weights[MAX_GATES]
    const Table* table       # the kernels for the dtype of the call
    int gates, stored_gates  # of the cell
    int typenum              # NumPy's number of the dtype
    Py_ssize_t item          # bytes of an element
    bint packed              # the weights came packed
    const char* Wy           # packed, (n_y, n_a) and
    const char* by           # (n_y, 1)
    void* workspace          # weights that were packed for this call; freed with it
    Path path
    Py_ssize_t unit_stride, column_stride       # of states and gates
    Py_ssize_t y_unit_stride, y_column_stride
    PlainArray input         # of the notebook's functions: x, or da;
    PlainArray initial[MAX_STATES]   # and the initial states, or [1]: dc; memory is NULL where there is none
    SavedArray* saved        # (T, slots): the arrays in cache tuples, or NULL; until `release`
    int slots                # of the cell's cache
    PyObject* held[MAX_HELD]  # the parameters' arrays, or their Panels, until `release`
    int held_count


cdef inline Py_ssize_t row_elements(const Run* run) noexcept nogil:
    """Elements of a row of x: one, where it is a token."""
    return 1 if run.tokens else run.n_x


cdef inline object own(object parameters):
    """The parameters, for as long as a call lasts: without a GIL another thread may replace a dict's arrays."""
    return dict(<dict> parameters) if FREE_THREADED and PyDict_CheckExact(parameters) else parameters


def slot_of(cell, str name):
    """Return the kind of an entry of the cell's cache, and which of that kind the entry is."""
    if name == "xt":
        return INPUT, 0
    if name == "parameters":
        return PARAMETERS, 0
    if name.endswith("_next"):
        return NEXT, cell.states.index(name.removesuffix("_next"))
    if name.endswith("_prev"):
        return PREVIOUS, cell.states.index(name.removesuffix("_prev"))
    return GATE, cell.stored_gates.index(name)
