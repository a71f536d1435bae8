"""The notebook's cache tuples, read for the backward pass: in place, if their layout is the kernels'; else copied."""

cdef inline const SavedArray* entry(const CallContext* context, Py_ssize_t t, int slot) noexcept nogil:
    return &context.saved[t * context.slots + slot]


cdef inline int slot_for(CellCalls calls, int kind, int index) noexcept:
    """The place of an entry in a cache tuple."""
    cdef int i = 0
    while calls.kind[i] != kind or calls.index[i] != index:
        i += 1
    return i


cdef bint is_cache(CellCalls calls, object cache):
    """Whether an object is a tuple with as many entries as the cell's cache."""
    return type(cache) is tuple and len(<tuple> cache) == calls.slots


cdef bint find_saved_parameters(CellCalls calls, CallContext* context, tuple caches) except -1:
    """Look up and hold what the parameters of the first cache are made of, before any array is read."""
    if len(caches) == 0 or not is_cache(calls, caches[0]):
        return False
    first = (<tuple> caches[0])[slot_for(calls, PARAMETERS, 0)]
    if type(first) is calls.packed:                   # packed anew, transposed: the panels keep the arrays for it
        first = getattr(first, "panels", None)
        if type(first) is not Panels or (<Panels> first).calls is not calls:
            return False
        return find_parameters(calls, context, (<Panels> first).arrays)
    return find_parameters(calls, context, own(first))


cdef bint take_caches(CellCalls calls, CallContext* context, tuple caches) except -1:
    """Take the sizes and parameters of the first cache, and the arrays of the first T.

    False unless every cache is a tuple of the cell's, of plain arrays that fit and the same parameters.
    """
    cdef Run* run = &context.run
    cdef Py_ssize_t t, slot_of_parameters = slot_for(calls, PARAMETERS, 0)
    cdef int i
    cdef object first = (<tuple> caches[0])[slot_of_parameters]
    cdef tuple cache
    cdef PlainArray read
    cdef SavedArray* saved
    if not read_plain(<PyObject*> (<tuple> caches[0])[slot_for(calls, INPUT, 0)], context.typenum, 2, &read):
        return False
    run.n_x = read.shape[0]
    if not take_parameters(calls, context, True):
        return False
    context.saved = saved = <SavedArray*> malloc(run.T * calls.slots * sizeof(SavedArray) + 1)
    if saved == NULL:
        raise MemoryError("cyrnn: no memory for the work area")
    for t in range(len(caches)):            # of later steps than da's, too: hand-made caches are checked whole
        pause_between_steps(t)
        if not is_cache(calls, caches[t]):
            return False
        cache = <tuple> caches[t]
        if cache[slot_of_parameters] is not first:
            return False
        for i in range(calls.slots):
            if calls.kind[i] == PARAMETERS:
                continue
            if not read_matrix(<PyObject*> cache[i], context.typenum,
                               run.n_x if calls.kind[i] == INPUT else run.n_a, run.m, &read):
                return False
            if t < run.T:
                saved[i].memory = read.memory
                saved[i].unit_stride, saved[i].column_stride = read.strides[0], read.strides[1]
        saved += calls.slots
    return True


cdef bint has_even_steps(const CallContext* context, int slot, Py_ssize_t t0,
                         Py_ssize_t* stride_t) noexcept nogil:
    """Whether an entry of the caches from t0 on is one array of three axes; `stride_t`: bytes from step to step."""
    cdef const SavedArray* a
    cdef const SavedArray* first = entry(context, min(t0, context.run.T - 1), slot)
    cdef Py_ssize_t t
    stride_t[0] = entry(context, t0 + 1, slot).memory - first.memory if t0 + 1 < context.run.T else 0
    for t in range(t0 + 1, context.run.T):
        a = entry(context, t, slot)
        if (a.memory != first.memory + (t - t0) * stride_t[0] or a.unit_stride != first.unit_stride
                or a.column_stride != first.column_stride):
            return False
    return True


cdef inline bint is_rows(const CallContext* context, const SavedArray* a, Py_ssize_t units) noexcept nogil:
    """Whether the memory of a (units, m) is contiguous rows (m, units)."""
    return ((a.unit_stride == context.item or units == 1)
            and (a.column_stride == units * context.item or context.run.m == 1))


cdef bint is_rows_of_steps(const CallContext* context, int slot, Py_ssize_t t0, Py_ssize_t units,
                           Py_ssize_t stride_t) noexcept nogil:
    """Whether an entry of the caches from t0 on is contiguous rows, `stride_t` bytes from step to step."""
    cdef Py_ssize_t found
    if t0 >= context.run.T:
        return True
    return (has_even_steps(context, slot, t0, &found) and (found == stride_t or t0 + 1 == context.run.T)
            and is_rows(context, entry(context, t0, slot), units))


cdef int gather_entry(const CallContext* context, int slot, Py_ssize_t units, Py_ssize_t stride_t,
                      char* out) except -1:
    """Copy an entry of all caches to rows of units, `stride_t` bytes from step to step."""
    cdef const SavedArray* a = entry(context, 0, slot)
    cdef Py_ssize_t t, found, item = context.item, T = context.run.T
    if (has_even_steps(context, slot, 0, &found) and found % item == 0
            and stride_t == context.run.m * units * item):
        context.table.transpose_steps(<const real*> a.memory, a.unit_stride // item, a.column_stride // item,
                                      found // item, units, context.run.m, T, <real*> out)
        return 0
    for t in range(T):
        pause_between_steps(t)
        copy_rows(context, entry(context, t, slot).memory, entry(context, t, slot).unit_stride,
                  entry(context, t, slot).column_stride, units, out + t * stride_t)
    return 0


cdef char* take_saved_states(CellCalls calls, const CallContext* context, BackwardRun* back,
                             char* memory) except NULL:
    """Find the states before and after each step, or copy them to memory; return where memory goes on."""
    cdef Py_ssize_t n = context.run.n_a, size = context.run.m * n * context.item, T = context.run.T, block = T * size
    cdef Py_ssize_t i, distance = 0
    cdef int after, before, last = calls.states - 1
    cdef bint in_place = True, initial_in_place = True
    cdef const SavedArray* a
    cdef const char* a_next = entry(context, 0, slot_for(calls, NEXT, 0)).memory
    cdef const char* a_prev = entry(context, 0, slot_for(calls, PREVIOUS, 0)).memory
    for i in range(calls.states):
        after, before = slot_for(calls, NEXT, i), slot_for(calls, PREVIOUS, i)
        in_place = (in_place and is_rows_of_steps(context, after, 0, n, size)
                    and is_rows_of_steps(context, before, 1, n, size))
    if in_place:
        distance = entry(context, 0, slot_for(calls, NEXT, last)).memory - a_next
        in_place = distance % context.item == 0 and (T == 1 or distance == (
            entry(context, 1, slot_for(calls, PREVIOUS, last)).memory
            - entry(context, 1, slot_for(calls, PREVIOUS, 0)).memory))
    if in_place:
        back.next, back.state_stride = <const real*> a_next, distance // context.item
        back.previous = NULL
        if T > 1:
            back.previous = <const real*> entry(context, 1, slot_for(calls, PREVIOUS, 0)).memory
    else:
        back.next, back.state_stride = <const real*> memory, block // context.item
        back.previous = <const real*> (memory + calls.states * block + size)
        for i in range(calls.states):
            gather_entry(context, slot_for(calls, NEXT, i), n, size, memory + i * block)
            gather_entry(context, slot_for(calls, PREVIOUS, i), n, size, memory + (calls.states + i) * block)
        memory += 2 * calls.states * block
    distance = entry(context, 0, slot_for(calls, PREVIOUS, last)).memory - a_prev
    for i in range(calls.states):
        initial_in_place = initial_in_place and is_rows(context, entry(context, 0, slot_for(calls, PREVIOUS, i)), n)
    if initial_in_place and distance % context.item == 0:
        back.initial, back.initial_state_stride = <const real*> a_prev, distance // context.item
    else:
        back.initial, back.initial_state_stride = <const real*> memory, size // context.item
        for i in range(calls.states):
            a = entry(context, 0, slot_for(calls, PREVIOUS, i))
            copy_rows(context, a.memory, a.unit_stride, a.column_stride, n, memory + i * size)
        memory += calls.states * size
    return memory


cdef char* take_saved_gates(CellCalls calls, const CallContext* context, BackwardRun* back,
                            char* memory) except NULL:
    """Find the stored gates, or copy them to memory; return where memory goes on."""
    cdef Py_ssize_t n = context.run.n_a, size = context.run.m * n * context.item, stride_t = calls.stored_gates * size
    cdef Py_ssize_t i
    cdef bint in_place = True
    cdef const char* first
    back.gates = NULL
    back.gate_stride_t = stride_t // context.item
    if calls.stored_gates == 0:
        return memory
    first = entry(context, 0, slot_for(calls, GATE, 0)).memory
    for i in range(calls.stored_gates):
        in_place = (in_place and entry(context, 0, slot_for(calls, GATE, i)).memory == first + i * size
                    and is_rows_of_steps(context, slot_for(calls, GATE, i), 0, n, stride_t))
    if in_place:
        back.gates = <const real*> first
        return memory
    back.gates = <const real*> memory
    for i in range(calls.stored_gates):
        gather_entry(context, slot_for(calls, GATE, i), n, stride_t, memory + i * size)
    return memory + context.run.T * stride_t
