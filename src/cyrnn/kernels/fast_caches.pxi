"""The notebook's caches on the way back: read where they lie, if they lie as kernels leave them; else copied."""

cdef inline cnp.ndarray entry(tuple held, Py_ssize_t t, int place):
    return <cnp.ndarray> (<tuple> held[t])[place]


cdef inline const char* data(cnp.ndarray a):
    return <const char*> cnp.PyArray_DATA(a)


cdef object take_caches(Fast fast, Job* job, tuple held):
    """Take sizes and parameters from the first cache; return the latter in a dict, which must live as long as the job.

    None unless every cache is a tuple of the cell's, of plain arrays that fit and the same parameters.
    """
    cdef Run* run = &job.run
    cdef Py_ssize_t t
    cdef int i
    cdef object first = None, owned = None, cache, item
    for t in range(len(held)):              # those of later steps, too, as on the general path
        cache = held[t]
        if type(cache) is not tuple or len(<tuple> cache) != fast.places:
            return None
        if t == 0:
            for i in range(fast.places):
                item = (<tuple> cache)[i]
                if fast.kind[i] == PARAMETERS:
                    first = item
                elif fast.kind[i] == INPUT:
                    if not PyArray_CheckExact(item) or cnp.PyArray_NDIM(<cnp.ndarray> item) != 2:
                        return None
                    run.n_x = cnp.PyArray_DIM(<cnp.ndarray> item, 0)
            if type(first) is fast.packed:
                if first.panels.cell is not fast.cell:      # the general path says so
                    return None
                owned = first.arrays
            elif PyDict_CheckExact(first):
                owned = dict(<dict> first)  # whose arrays stay, whatever is done to the user's
            try:
                if not take_parameters(fast, job, owned):
                    return None
            finally:
                release(job)
        for i in range(fast.places):
            item = (<tuple> cache)[i]
            if fast.kind[i] == PARAMETERS:
                if item is not first:
                    return None
            elif not is_matrix(item, job, run.n_x if fast.kind[i] == INPUT else run.n_a, run.m):
                return None
    return owned


cdef bint evenly(const Job* job, tuple held, int place, Py_ssize_t t0, Py_ssize_t* step):
    """Whether an entry of the caches from t0 on is one array of three dimensions; `step`: bytes from step to step."""
    cdef cnp.ndarray a, first = entry(held, min(t0, job.run.T - 1), place)
    cdef Py_ssize_t t
    step[0] = data(entry(held, t0 + 1, place)) - data(first) if t0 + 1 < job.run.T else 0
    for t in range(t0 + 1, job.run.T):
        a = entry(held, t, place)
        if (data(a) != data(first) + (t - t0) * step[0] or cnp.PyArray_STRIDE(a, 0) != cnp.PyArray_STRIDE(first, 0)
                or cnp.PyArray_STRIDE(a, 1) != cnp.PyArray_STRIDE(first, 1)):
            return False
    return True


cdef inline bint in_rows(const Job* job, cnp.ndarray a, Py_ssize_t units):
    """Whether a (units, m) lies as rows (m, units) without gaps."""
    return ((cnp.PyArray_STRIDE(a, 0) == job.item or units == 1)
            and (cnp.PyArray_STRIDE(a, 1) == units * job.item or job.run.m == 1))


cdef bint lies(const Job* job, tuple held, int place, Py_ssize_t t0, Py_ssize_t units, Py_ssize_t step):
    """Whether an entry of the caches from t0 on is rows without gaps, `step` bytes from step to step."""
    cdef Py_ssize_t found
    if t0 >= job.run.T:
        return True
    return (evenly(job, held, place, t0, &found) and (found == step or t0 + 1 == job.run.T)
            and in_rows(job, entry(held, t0, place), units))


cdef char* gather(const Job* job, tuple held, int place, Py_ssize_t units, Py_ssize_t step, char* out):
    """Copy an entry of all caches to rows of units, `step` bytes from step to step."""
    cdef cnp.ndarray a = entry(held, 0, place)
    cdef Py_ssize_t t, found, item = job.item, T = job.run.T
    if evenly(job, held, place, 0, &found) and found % item == 0 and step == job.run.m * units * item:
        job.table.transpose_steps(<const real*> data(a), cnp.PyArray_STRIDE(a, 0) // item,
                                  cnp.PyArray_STRIDE(a, 1) // item, found // item, units, job.run.m, T, <real*> out)
        return out
    for t in range(T):
        copy_rows(job, entry(held, t, place), units, out + t * step)
    return out


cdef inline void copy_rows(const Job* job, cnp.ndarray a, Py_ssize_t units, char* out):
    """Copy a (units, m) to rows (m, units)."""
    copy(out, job.item, units * job.item, data(a), cnp.PyArray_STRIDE(a, 0), cnp.PyArray_STRIDE(a, 1), units,
         job.run.m, job.item)


cdef inline int find(Fast fast, int kind, int index):
    """Its place in the cache."""
    cdef int i = 0
    while fast.kind[i] != kind or fast.index[i] != index:
        i += 1
    return i


cdef char* take_states_back(Fast fast, const Job* job, BackwardRun* back, tuple held, char* memory):
    """Find states before and after each step, or copy them to memory; return where memory goes on."""
    cdef Py_ssize_t n = job.run.n_a, size = job.run.m * n * job.item, T = job.run.T, block = T * size
    cdef Py_ssize_t i, apart = 0
    cdef int after, before, last = fast.states - 1
    cdef bint as_they_lie = fast.states <= 2, start_lies = fast.states <= 2
    cdef const char* a_next = data(entry(held, 0, find(fast, NEXT, 0)))
    cdef const char* a_prev = data(entry(held, 0, find(fast, PREVIOUS, 0)))
    for i in range(fast.states):
        after, before = find(fast, NEXT, i), find(fast, PREVIOUS, i)
        as_they_lie = as_they_lie and lies(job, held, after, 0, n, size) and lies(job, held, before, 1, n, size)
    if as_they_lie:
        apart = data(entry(held, 0, find(fast, NEXT, last))) - a_next
        as_they_lie = apart % job.item == 0 and (T == 1 or apart == (
            data(entry(held, 1, find(fast, PREVIOUS, last))) - data(entry(held, 1, find(fast, PREVIOUS, 0)))))
    if as_they_lie:
        back.next = <const real*> a_next
        back.state_stride = apart // job.item
        back.previous = <const real*> (data(entry(held, 1, find(fast, PREVIOUS, 0))) if T > 1 else NULL)
    else:
        back.next = <const real*> memory
        back.state_stride = block // job.item
        back.previous = <const real*> (memory + fast.states * block + size)
        for i in range(fast.states):
            gather(job, held, find(fast, NEXT, i), n, size, memory + i * block)
            gather(job, held, find(fast, PREVIOUS, i), n, size, memory + (fast.states + i) * block)
        memory += 2 * fast.states * block
    apart = data(entry(held, 0, find(fast, PREVIOUS, last))) - a_prev
    for i in range(fast.states):
        start_lies = start_lies and in_rows(job, entry(held, 0, find(fast, PREVIOUS, i)), n)
    if start_lies and apart % job.item == 0:
        back.initial = <const real*> a_prev
        back.initial_state_stride = apart // job.item
    else:
        back.initial = <const real*> memory
        back.initial_state_stride = size // job.item
        for i in range(fast.states):
            copy_rows(job, entry(held, 0, find(fast, PREVIOUS, i)), n, memory + i * size)
        memory += fast.states * size
    return memory


cdef char* take_gates_back(Fast fast, const Job* job, BackwardRun* back, tuple held, char* memory):
    """Find the kept gates, or copy them to memory; return where memory goes on."""
    cdef Py_ssize_t n = job.run.n_a, size = job.run.m * n * job.item, step = fast.kept * size, i
    cdef bint as_they_lie = True
    cdef const char* first
    back.gates = NULL
    back.gate_stride_t = step // job.item
    if fast.kept == 0:
        return memory
    first = data(entry(held, 0, find(fast, GATE, 0)))
    for i in range(fast.kept):
        as_they_lie = (as_they_lie and data(entry(held, 0, find(fast, GATE, i))) == first + i * size
                       and lies(job, held, find(fast, GATE, i), 0, n, step))
    if as_they_lie:
        back.gates = <const real*> first
        return memory
    back.gates = <const real*> memory
    for i in range(fast.kept):
        gather(job, held, find(fast, GATE, i), n, step, memory + i * size)
    return memory + job.run.T * step
