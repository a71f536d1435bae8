"""A sublayer's forward pass without a record: whole, or some steps at a time.

A layer of one direction writes its output in place. A ragged batch, a layer of two directions and a projection work on
blocks of steps: their rows of x are gathered side by side, run, and the hidden states scattered to their places in the
output, all of it in the CPU's cache. So the steps past the ends of sequences cost zeros alone.
"""

cdef int keep_initial(Sublayer layer, const LayerRun* w) except -1:
    """Let the states after the last step be the initial ones: what they are of sequences without a step."""
    cdef Py_ssize_t i
    for i in range(layer.calls.states):
        copy_state(w.last[i], w.initial[i], 0, w.rows.m * w.sizes[i] * w.context.item)
    return 0


cdef inline void copy_state(char* out, const char* state, Py_ssize_t offset, Py_ssize_t size) noexcept nogil:
    """Copy `size` bytes of a state, from an offset on; NULL stands for zeros."""
    if state == NULL:
        memset(out, 0, size)
    else:
        memcpy(out, state + offset, size)


cdef int forward_in_place(Sublayer layer, LayerRun* w) except -1:
    """Let a layer of one direction, or a cell, write its hidden states to the output in place."""
    cdef Run* run = &w.context.run
    cdef Py_ssize_t size = run.m * run.n_a * w.context.item
    cdef char* zeros = NULL
    if w.rows.total == 0:
        return keep_initial(layer, w)
    if w.initial[0] == NULL:
        zeros = <char*> calloc(size, 1)
        if zeros == NULL:
            raise MemoryError("cyrnn: no memory for the initial states")
        w.initial[0] = w.initial[1] = zeros
    run.initial, run.states = <const real*> w.initial[0], <real*> w.output
    if layer.calls.states > 1:
        run.initial_state_stride = (w.initial[1] - w.initial[0]) // w.context.item
        run.state_stride = (w.last[1] - w.output) // w.context.item       # each step overwrites the one before
    try:
        parallel_for(columns_range, w.context, run.m, fmas_of(w.context))
    finally:
        free(zeros)
    if w.output != w.last[0]:
        memcpy(w.last[0], w.output + (run.T - 1) * size, size)
    return 0


cdef int forward_in_blocks(Sublayer layer, LayerRun* w) except -1:
    """Run some steps at a time, the columns shared among threads."""
    cdef Run* run = &w.context.run
    cdef double fmas = <double> w.rows.total * run.n_a * w.context.gates * (<double> row_elements(run) + run.n_h)
    keep_initial(layer, w)
    if run.m == 0:
        return 0
    return parallel_for(blocks_range, w, run.m, fmas)


cdef struct StepsMemory:
    # the memory of some steps of some columns
    char* c_initial          # (m, n_a): the second state, whose every step overwrites the one before
    char* h_initial          # (m, n_h), before the block
    char* h                  # (steps, m, n_h)
    char* a                  # (m, n_a) before the block and (steps, m, n_a); without a projection the same as h
    char* x                  # (steps, m, n_x)
    Py_ssize_t steps


cdef void* allocate_block(const LayerRun* w, Py_ssize_t m, Py_ssize_t longest, StepsMemory* block) noexcept nogil:
    """Memory for as many steps as the CPU's cache holds; NULL where there is none."""
    cdef const Run* run = &w.context.run
    cdef Py_ssize_t item = w.context.item, n_a = run.n_a * item, n_h = run.n_h * item, n_x = row_elements(run) * item
    cdef Py_ssize_t projected = n_a if run.Whr != NULL else 0
    cdef void* memory
    block.steps = max(1, min(longest, BLOCK_BYTES // max(1, m * (n_h + n_x + projected))))
    memory = malloc(m * (n_a + n_h + projected + block.steps * (n_h + n_x + projected)) + 6 * CACHE_LINE_BYTES)
    if memory == NULL:
        return NULL
    block.h_initial = aligned(<char*> memory)
    block.c_initial = next_line(block.h_initial, m * n_h)
    block.h = next_line(block.c_initial, m * n_a)
    block.x = next_line(block.h, block.steps * m * n_h)
    block.a = next_line(block.x, block.steps * m * n_x) if projected else block.h
    return memory


cdef void gather_block(const LayerRun* w, Py_ssize_t first, Py_ssize_t m, Py_ssize_t t0, Py_ssize_t steps,
                       char* out) noexcept nogil:
    """x of some steps of the columns from `first` on, (steps, m, n_x)."""
    cdef const Run* run = &w.context.run
    cdef Py_ssize_t t, j, k, item = w.context.item, n = row_elements(run), size = n * item
    cdef const char* x = <const char*> run.x
    for t in range(t0, t0 + steps):
        for j in range(first, min(first + m, batch_size(&w.rows, t))):
            k = sequence_of(&w.rows, j)
            copy_row(out + ((t - t0) * m + j - first) * size,
                     x + (time_of(&w.rows, k, t) * run.x_stride_t + k * run.x_stride_m) * item,
                     run.x_stride_k * item, n, item)


cdef void scatter_block(const LayerRun* w, Py_ssize_t first, Py_ssize_t m, Py_ssize_t t0, Py_ssize_t steps,
                        const char* h) noexcept nogil:
    """The hidden states of some steps, (steps, m, n_h), to the output, and where they are the last ones."""
    cdef Py_ssize_t t, j, k, size = w.sizes[0] * w.context.item
    cdef const char* row
    for t in range(t0, t0 + steps):
        for j in range(first, min(first + m, batch_size(&w.rows, t))):
            k = sequence_of(&w.rows, j)
            row = h + ((t - t0) * m + j - first) * size
            memcpy(w.output + time_of(&w.rows, k, t) * w.output_stride_t + k * w.output_stride_m, row, size)
            if t + 1 == length_of(&w.rows, k):
                memcpy(w.last[0] + k * size, row, size)


cdef void fill_steps(const LayerRun* w, Py_ssize_t first, Py_ssize_t m, const StepsMemory* block) noexcept nogil:
    """The initial states of the columns; zeros in the output past the ends of their sequences."""
    cdef Py_ssize_t j, k, t, n_h = w.sizes[0] * w.context.item, n_a = w.sizes[1] * w.context.item
    for j in range(m):
        k = sequence_of(&w.rows, first + j)
        copy_state(block.h_initial + j * n_h, w.initial[0], k * n_h, n_h)
        copy_state(block.c_initial + j * n_a, w.initial[1], k * n_a, n_a)
        for t in range(length_of(&w.rows, k), w.rows.T):
            memset(w.output + t * w.output_stride_t + k * w.output_stride_m, 0, n_h)


cdef int blocks_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """Some columns, in the order in which they are run."""
    cdef const LayerRun* w = <const LayerRun*> given
    cdef const CallContext* context = w.context
    cdef Run run = context.run
    cdef Py_ssize_t item = context.item, m = last - first, t = 0, j, n_a = run.n_a * item
    cdef Py_ssize_t longest = length_of(&w.rows, sequence_of(&w.rows, first))
    cdef bint in_place = w.rows.order == NULL and (run.x_stride_k == 1 or run.n_x <= 1)        # of tokens it is 1
    cdef Py_ssize_t x_stride_t = -run.x_stride_t if w.rows.reverse else run.x_stride_t
    cdef const real* x = advance(run.x, first * run.x_stride_m + (run.T - 1 if w.rows.reverse else 0) * run.x_stride_t,
                                 item)
    cdef double fmas = fmas_of_step(context, m, run.n_a, <double> row_elements(&run) + run.n_h)
    cdef int outcome = DONE
    cdef StepsMemory block
    cdef void* memory
    memory = allocate_block(w, m, longest, &block)
    if memory == NULL:
        return NO_MEMORY
    fill_steps(w, first, m, &block)
    run.m = run.batch = m
    run.batch_offset, run.gates, run.state_stride_t = first, NULL, 0
    reset_columns(&run.resets, first, run.n_a, item)
    if run.resets.flags != NULL:                 # the workspace of a batch of m
        run.resets.previous = <real*> advance(context.run.resets.previous, first * run.resets.states * run.n_a, item)
    if in_place:
        run.x_stride_t, run.x_stride_k = x_stride_t, 1
    else:
        run.x, run.x_stride_m, run.x_stride_k = <const real*> block.x, row_elements(&run), 1
        run.x_stride_t = m * run.x_stride_m
    run.initial = run.hidden_initial = <const real*> block.h_initial
    run.states = <real*> block.a
    run.hidden = <real*> block.h
    run.initial_state_stride = (block.c_initial - <char*> run.initial) // item
    run.state_stride = (block.c_initial - block.a) // item
    while t < longest:
        run.T = min(block.steps, longest - t)
        if w.rows.batch_sizes != NULL:
            run.batch_sizes = w.rows.batch_sizes + t
        if in_place:
            run.x = advance(x, t * x_stride_t, item)
        else:
            gather_block(w, first, m, t, run.T, block.x)
        if context.table.forward_packed(&run):
            outcome = NO_MEMORY
        elif worked(context.table, run.T * fmas, progress):
            outcome = STOPPED
        if outcome != DONE:
            break
        scatter_block(w, first, m, t, run.T, block.h)
        memcpy(block.h_initial, block.h + (run.T - 1) * m * run.n_h * item, m * run.n_h * item)
        if run.resets.flags != NULL:
            run.resets.flags += run.T * run.resets.stride_t
        t += run.T
    if w.last[1] != NULL and outcome == DONE:
        for j in range(m):
            memcpy(w.last[1] + sequence_of(&w.rows, first + j) * n_a, block.c_initial + j * n_a, n_a)
    free(memory)
    return outcome
