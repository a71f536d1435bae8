"""All that is known of one call, and what stands in a cache."""

cdef enum Kind:              # what stands at a place of the cache
    NEXT
    PREVIOUS
    GATE
    INPUT
    PARAMETERS

cdef enum Way:
    UNITS                    # packed weights, units in lanes
    BATCH                    # the notebook's own layout, batch in lanes
    FEW                      # one step of few columns, units in lanes, nothing packed


cdef struct Job:
    # All that is known of one call. Strides of results are in bytes, those of `run` in elements.
    Run run
    GateWeights weights[MAX_GATES]
    const Table* table
    int gates, kept
    int typenum
    Py_ssize_t item          # bytes of an element
    bint packed
    const char* Wy           # packed
    const char* by
    void* memory             # holds what was packed for this call
    Way way
    Py_ssize_t unit, column  # strides of states and gates
    Py_ssize_t y_unit, y_column
    PyObject* held[MOST_HELD]  # the parameters' arrays, until `release`: their dict may change during a call
    int held_count


cdef inline object own(object parameters):
    """The parameters, for as long as a call lasts: without a GIL another thread may replace a dict's arrays."""
    return dict(<dict> parameters) if FREE_THREADED and PyDict_CheckExact(parameters) else parameters


def place(cell, str name):
    """Return what stands under a name of the cell's cache: its kind, and which of that kind."""
    if name == "xt":
        return INPUT, 0
    if name == "parameters":
        return PARAMETERS, 0
    if name.endswith("_next"):
        return NEXT, cell.states.index(name.removesuffix("_next"))
    if name.endswith("_prev"):
        return PREVIOUS, cell.states.index(name.removesuffix("_prev"))
    return GATE, cell.stored_gates.index(name)
