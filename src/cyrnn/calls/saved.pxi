"""The notebook's cache tuples, read for the backward pass: in place, if their layout is the kernels'; else copied."""

cdef inline cnp.ndarray entry(tuple caches, Py_ssize_t t, int slot):
    return <cnp.ndarray> (<tuple> caches[t])[slot]


cdef inline int slot_for(CellCalls calls, int kind, int index):
    """The place of an entry in a cache tuple."""
    cdef int i = 0
    while calls.kind[i] != kind or calls.index[i] != index:
        i += 1
    return i


cdef object take_caches(CellCalls calls, CallContext* context, tuple caches):
    """Take sizes and parameters from the first cache; return the latter in a dict, which must live as long as the call.

    None unless every cache is a tuple of the cell's, of plain arrays that fit and the same parameters.
    """
    cdef Run* run = &context.run
    cdef Py_ssize_t t
    cdef int i
    cdef object first = None, owned = None, cache, item
    for t in range(len(caches)):            # of later steps than da's, too: hand-made caches are checked whole
        pause_between_steps(t)
        cache = caches[t]
        if type(cache) is not tuple or len(<tuple> cache) != calls.slots:
            return None
        if t == 0:
            item = (<tuple> cache)[slot_for(calls, INPUT, 0)]
            if not is_plain(item, context.typenum, 2):
                return None
            run.n_x = cnp.PyArray_DIM(<cnp.ndarray> item, 0)
            first = (<tuple> cache)[slot_for(calls, PARAMETERS, 0)]
            if type(first) is calls.packed:
                if first.panels.cell is not calls.cell:
                    return None
                owned = dict(first.arrays)
            elif PyDict_CheckExact(first):
                owned = dict(<dict> first)  # whose arrays stay, whatever is done to the user's
            try:
                if not take_parameters(calls, context, owned):
                    return None
            finally:
                release(context)
        for i in range(calls.slots):
            item = (<tuple> cache)[i]
            if calls.kind[i] == PARAMETERS:
                if item is not first:
                    return None
            elif not is_matrix(item, context, run.n_x if calls.kind[i] == INPUT else run.n_a, run.m):
                return None
    return owned


cdef bint has_even_steps(const CallContext* context, tuple caches, int slot, Py_ssize_t t0, Py_ssize_t* stride_t):
    """Whether an entry of the caches from t0 on is one array of three axes; `stride_t`: bytes from step to step."""
    cdef cnp.ndarray a, first = entry(caches, min(t0, context.run.T - 1), slot)
    cdef Py_ssize_t t
    stride_t[0] = data(entry(caches, t0 + 1, slot)) - data(first) if t0 + 1 < context.run.T else 0
    for t in range(t0 + 1, context.run.T):
        pause_between_steps(t)
        a = entry(caches, t, slot)
        if (data(a) != data(first) + (t - t0) * stride_t[0]
                or cnp.PyArray_STRIDE(a, 0) != cnp.PyArray_STRIDE(first, 0)
                or cnp.PyArray_STRIDE(a, 1) != cnp.PyArray_STRIDE(first, 1)):
            return False
    return True


cdef inline bint is_rows(const CallContext* context, cnp.ndarray a, Py_ssize_t units):
    """Whether the memory of a (units, m) is contiguous rows (m, units)."""
    return ((cnp.PyArray_STRIDE(a, 0) == context.item or units == 1)
            and (cnp.PyArray_STRIDE(a, 1) == units * context.item or context.run.m == 1))


cdef bint is_rows_of_steps(const CallContext* context, tuple caches, int slot, Py_ssize_t t0, Py_ssize_t units,
                           Py_ssize_t stride_t):
    """Whether an entry of the caches from t0 on is contiguous rows, `stride_t` bytes from step to step."""
    cdef Py_ssize_t found
    if t0 >= context.run.T:
        return True
    return (has_even_steps(context, caches, slot, t0, &found) and (found == stride_t or t0 + 1 == context.run.T)
            and is_rows(context, entry(caches, t0, slot), units))


cdef inline void copy_rows(const CallContext* context, cnp.ndarray a, Py_ssize_t units, char* out) noexcept:
    """Copy a (units, m) to rows (m, units)."""
    copy(out, context.item, units * context.item, data(a), cnp.PyArray_STRIDE(a, 0), cnp.PyArray_STRIDE(a, 1), units,
         context.run.m, context.item)


cdef void gather_entry(const CallContext* context, tuple caches, int slot, Py_ssize_t units, Py_ssize_t stride_t,
                       char* out):
    """Copy an entry of all caches to rows of units, `stride_t` bytes from step to step."""
    cdef cnp.ndarray a = entry(caches, 0, slot)
    cdef Py_ssize_t t, found, item = context.item, T = context.run.T
    if (has_even_steps(context, caches, slot, 0, &found) and found % item == 0
            and stride_t == context.run.m * units * item):
        context.table.transpose_steps(<const real*> data(a), cnp.PyArray_STRIDE(a, 0) // item,
                                      cnp.PyArray_STRIDE(a, 1) // item, found // item, units, context.run.m, T,
                                      <real*> out)
        return
    for t in range(T):
        pause_between_steps(t)
        copy_rows(context, entry(caches, t, slot), units, out + t * stride_t)


cdef char* take_saved_states(CellCalls calls, const CallContext* context, BackwardRun* back, tuple caches,
                             char* memory):
    """Find the states before and after each step, or copy them to memory; return where memory goes on."""
    cdef Py_ssize_t n = context.run.n_a, size = context.run.m * n * context.item, T = context.run.T, block = T * size
    cdef Py_ssize_t i, distance = 0
    cdef int after, before, last = calls.states - 1
    cdef bint in_place = True, initial_in_place = True
    cdef const char* a_next = data(entry(caches, 0, slot_for(calls, NEXT, 0)))
    cdef const char* a_prev = data(entry(caches, 0, slot_for(calls, PREVIOUS, 0)))
    for i in range(calls.states):
        after, before = slot_for(calls, NEXT, i), slot_for(calls, PREVIOUS, i)
        in_place = (in_place and is_rows_of_steps(context, caches, after, 0, n, size)
                    and is_rows_of_steps(context, caches, before, 1, n, size))
    if in_place:
        distance = data(entry(caches, 0, slot_for(calls, NEXT, last))) - a_next
        in_place = distance % context.item == 0 and (T == 1 or distance == (
            data(entry(caches, 1, slot_for(calls, PREVIOUS, last)))
            - data(entry(caches, 1, slot_for(calls, PREVIOUS, 0)))))
    if in_place:
        back.next, back.state_stride = <const real*> a_next, distance // context.item
        back.previous = NULL
        if T > 1:
            back.previous = <const real*> data(entry(caches, 1, slot_for(calls, PREVIOUS, 0)))
    else:
        back.next, back.state_stride = <const real*> memory, block // context.item
        back.previous = <const real*> (memory + calls.states * block + size)
        for i in range(calls.states):
            gather_entry(context, caches, slot_for(calls, NEXT, i), n, size, memory + i * block)
            gather_entry(context, caches, slot_for(calls, PREVIOUS, i), n, size, memory + (calls.states + i) * block)
        memory += 2 * calls.states * block
    distance = data(entry(caches, 0, slot_for(calls, PREVIOUS, last))) - a_prev
    for i in range(calls.states):
        initial_in_place = initial_in_place and is_rows(context, entry(caches, 0, slot_for(calls, PREVIOUS, i)), n)
    if initial_in_place and distance % context.item == 0:
        back.initial, back.initial_state_stride = <const real*> a_prev, distance // context.item
    else:
        back.initial, back.initial_state_stride = <const real*> memory, size // context.item
        for i in range(calls.states):
            copy_rows(context, entry(caches, 0, slot_for(calls, PREVIOUS, i)), n, memory + i * size)
        memory += calls.states * size
    return memory


cdef char* take_saved_gates(CellCalls calls, const CallContext* context, BackwardRun* back, tuple caches, char* memory):
    """Find the stored gates, or copy them to memory; return where memory goes on."""
    cdef Py_ssize_t n = context.run.n_a, size = context.run.m * n * context.item, stride_t = calls.stored_gates * size
    cdef Py_ssize_t i
    cdef bint in_place = True
    cdef const char* first
    back.gates = NULL
    back.gate_stride_t = stride_t // context.item
    if calls.stored_gates == 0:
        return memory
    first = data(entry(caches, 0, slot_for(calls, GATE, 0)))
    for i in range(calls.stored_gates):
        in_place = (in_place and data(entry(caches, 0, slot_for(calls, GATE, i))) == first + i * size
                    and is_rows_of_steps(context, caches, slot_for(calls, GATE, i), 0, n, stride_t))
    if in_place:
        back.gates = <const real*> first
        return memory
    back.gates = <const real*> memory
    for i in range(calls.stored_gates):
        gather_entry(context, caches, slot_for(calls, GATE, i), n, stride_t, memory + i * size)
    return memory + context.run.T * stride_t
