"""Calls of kernels that may last, in blocks: between two of them a range pauses. The forward time loop does so itself.

Bits do not depend on blocks. Chains run across units or columns, each step reads what the one before it has written,
and sums over rows go on where the block before has stopped. One step of a cell is one block, however large it is.
"""

cdef enum:
    # Multiply-adds of a block for each lane: some 20 ms on AVX-512 and AVX2, where the weights come from a cache. From
    # DRAM some three times that.
    BLOCK_FMAS = 1 << 26
    BLOCK_ELEMENTS = 1 << 18         # of tanh and the like, for each lane: 4 ms
    TILES = 48                       # rows of a product: whole tiles and vectors of any ISA


cdef inline Py_ssize_t block_of(const Table* table, Py_ssize_t N, double fmas, Py_ssize_t multiple) noexcept nogil:
    """How many of N steps or rows, of so many multiply-adds each, make a block."""
    cdef double limit = table.lanes * <double> BLOCK_FMAS
    if N * fmas <= limit:
        return N
    return (<Py_ssize_t> (limit / fmas) // multiple + 1) * multiple


cdef inline int worked(const Table* table, double fmas, Progress* progress) noexcept nogil:
    """Note so many multiply-adds as done; pause, where they make a block with those since the last pause."""
    progress.fmas += fmas
    if progress.fmas < table.lanes * <double> BLOCK_FMAS:
        return DONE
    progress.fmas = 0
    return pause(progress)


cdef inline double fmas_of_step(const CallContext* context, Py_ssize_t m, Py_ssize_t n_a, double K) noexcept nogil:
    """About how long a step lasts, in multiply-adds. Small cells take longer than their products: for functions, and
    for the step itself; and few columns, because W is read for them alone.
    """
    return (m + 2.0) * (<double> n_a + context.table.lanes) * context.gates * (K + 32) + 4096


cdef void skip_steps(Run* run, Py_ssize_t steps, Py_ssize_t stored_gates, Py_ssize_t item) noexcept nogil:
    """Let a run whose first steps are done go on from there; T is left to the caller."""
    cdef Py_ssize_t step = run.batch * run.n_a                 # from step to step of the hidden state and of gates
    cdef Py_ssize_t drift = run.state_stride_t - step          # how much more, or less, it is of other states
    run.initial = advance(run.states, (steps - 1) * step, item)
    run.initial_state_stride = run.state_stride + (steps - 1) * drift
    run.states = <real*> advance(run.states, steps * step, item)
    run.state_stride += steps * drift
    run.gates = <real*> advance(run.gates, steps * stored_gates * step, item)
    run.x = advance(run.x, steps * run.x_stride_t, item)
    if run.Whr != NULL:
        run.hidden_initial = advance(run.hidden, (steps - 1) * run.batch * run.n_h, item)
        run.hidden = <real*> advance(run.hidden, steps * run.batch * run.n_h, item)
    if run.batch_sizes != NULL:
        run.batch_sizes += steps
    if run.resets.flags != NULL:
        run.resets.flags += steps * run.resets.stride_t


cdef int pause_of_kernel(void* progress) noexcept nogil:
    """Run.pause."""
    return pause(<Progress*> progress)


cdef int forward_steps(const CallContext* context, Run* run, bint packed, Progress* progress) noexcept nogil:
    """All steps of a run. The kernel itself pauses between blocks: its work on later steps goes on behind them."""
    cdef double fmas = fmas_of_step(context, run.m, run.n_a, <double> row_elements(run) + run.n_h)
    cdef Py_ssize_t steps = block_of(context.table, run.T, fmas, 1)
    cdef int outcome
    run.pause_steps = steps if steps < run.T else 0
    run.pause, run.progress = pause_of_kernel, progress
    outcome = context.table.forward_packed(run) if packed else context.table.forward_unpacked(run)
    if outcome != DONE or context.run.T == 1:          # of a call, not of a piece of it
        return outcome
    return worked(context.table, run.T % steps * fmas if run.pause_steps > 0 else run.T * fmas, progress)


cdef int backward_steps(const CallContext* context, BackwardRun* back, Progress* progress) noexcept nogil:
    """All steps of a backward pass, from the last on."""
    cdef double fmas = fmas_of_step(context, back.m, back.n_a, back.n_h)
    cdef Py_ssize_t steps = block_of(context.table, back.T, fmas, 1)
    back.first_step = back.T
    while True:
        back.last_step, back.first_step = back.first_step, max(0, back.first_step - steps)
        context.table.backward(back)
        if worked(context.table, (back.last_step - back.first_step) * fmas, progress):
            return STOPPED
        if back.first_step == 0:
            return DONE


cdef int multiply(const Table* table, const real* rows, Py_ssize_t row_stride, Py_ssize_t N, Py_ssize_t K,
                  const real* panels, const real* b, Py_ssize_t units, real* out, Py_ssize_t item,
                  Progress* progress) noexcept nogil:
    """table.multiply: out (N, units) = rows (N, K) times a packed matrix, plus b."""
    cdef double fmas = <double> units * K                  # of a row
    cdef Py_ssize_t block = block_of(table, N, fmas, TILES), first = 0
    while first < N:
        table.multiply(advance(rows, first * row_stride, item), row_stride, min(block, N - first), K, panels, b, units,
                       <real*> advance(out, first * units, item))
        if worked(table, min(block, N - first) * fmas, progress):
            return STOPPED
        first += block
    return DONE


cdef int head(const Table* table, const real* a, Py_ssize_t n_a, Py_ssize_t N, const real* Wy, const real* by,
              Py_ssize_t n_y, real* y, Py_ssize_t item, Progress* progress) noexcept nogil:
    """table.head_packed: y (N, n_y) of a (N, n_a)."""
    cdef double fmas = <double> n_y * (n_a + 32)
    cdef Py_ssize_t block = block_of(table, N, fmas, TILES), first = 0
    while first < N:
        if table.head_packed(advance(a, first * n_a, item), n_a, min(block, N - first), Wy, by, n_y,
                             <real*> advance(y, first * n_y, item)):
            return NO_MEMORY
        if worked(table, min(block, N - first) * fmas, progress):
            return STOPPED
        first += block
    return DONE


cdef inline double fmas_of_unit(const OuterSum* outer) noexcept nogil:
    """Multiply-adds of a unit, in all gates, and a row."""
    cdef double fmas = 0
    cdef Py_ssize_t g, i
    for g in range(outer.gates):
        for i in range(outer.rights):
            if outer.out[g][i] != NULL:
                fmas += outer.right[i].K
    return fmas


cdef int sum_outer(const Table* table, OuterSum* outer, Py_ssize_t item, Progress* progress) noexcept nogil:
    """table.sum_outer: all rows of all sums."""
    cdef double fmas = outer.units * fmas_of_unit(outer)           # of a row
    cdef Py_ssize_t block = block_of(table, outer.N, fmas, BLOCK_ROWS), columns = 0, i
    cdef int outcome = DONE
    outer.stop = 0
    outer.group = NULL
    if outer.N > GROUP_ROWS:
        for i in range(outer.rights):
            columns += outer.right[i].K
        outer.group = <real*> malloc(outer.gates * outer.units * columns * item + 1)
        if outer.group == NULL:
            return NO_MEMORY
    while outcome == DONE and outer.stop < outer.N:
        outer.start, outer.stop = outer.stop, min(outer.stop + block, outer.N)
        outcome = NO_MEMORY if table.sum_outer(outer) else worked(table, (outer.stop - outer.start) * fmas, progress)
    free(outer.group)
    return outcome


cdef int add_products(const Table* table, const real* left, Py_ssize_t left_row_stride, const real* right,
                      Py_ssize_t right_row_stride, Py_ssize_t N, Py_ssize_t units, real* out, Py_ssize_t item,
                      Progress* progress) noexcept nogil:
    """table.add_products: out (units,) += the sum of the N rows of left, times those of right."""
    table.add_products(left, left_row_stride, right, right_row_stride, N, units, out)
    return STOPPED if worked(table, <double> N * units * 32, progress) else DONE


cdef int add_rows(const Table* table, const real* left, Py_ssize_t left_row_stride, Py_ssize_t N, Py_ssize_t units,
                  real* out, Py_ssize_t item, Progress* progress) noexcept nogil:
    """table.add_rows: out (units,) += the sum of the N rows of left."""
    cdef double fmas = <double> N * 32                             # of a unit: it is the reading that takes long
    cdef Py_ssize_t block = block_of(table, units, fmas, TILES), first = 0, count
    while first < units:
        count = min(block, units - first)
        table.add_rows(advance(left, first, item), left_row_stride, N, count, <real*> advance(out, first, item), 1)
        if worked(table, count * fmas, progress):
            return STOPPED
        first += count
    return DONE
