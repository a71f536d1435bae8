"""A sublayer's forward pass that keeps what the backward pass reads: states and gates of every step, and x.

All is in the order of the run: (T, m, n), sorted where the batch is ragged, from the end where the direction is the
reverse one.
"""

cdef class SavedForward:
    """What a forward pass leaves for the backward pass. Never changed."""

    cdef object sublayer
    cdef Layout layout
    cdef Lengths lengths
    cdef Resets resets
    cdef bint reverse
    cdef int typenum
    cdef bint tokens                     # rows of x are such
    cdef readonly Py_ssize_t m
    cdef Py_ssize_t item, T, n_a, n_h, count, stored_gates  # count: of states
    # (T, m, n_x), of tokens (T, m): the caller's, or rows gathered from it; and its first row:
    cdef cnp.ndarray x
    cdef const real* x_rows              # strides in elements, unit stride along n_x
    cdef Py_ssize_t x_stride_t, x_stride_m
    cdef cnp.ndarray states              # (S, T + 1, m, n_a), the initial ones first
    cdef cnp.ndarray gates               # (T, G', m, n_a), the stored gates; None where the cell has none
    cdef cnp.ndarray hidden              # (T + 1, m, n_h), of a projection; else None

    @property
    def steps_run(self):
        """Steps of all sequences together."""
        return self.T * self.m if self.lengths is None else self.lengths.total

    cdef cnp.ndarray steps(self, cnp.ndarray block, Py_ssize_t first, Py_ssize_t stride_t):
        """(T, m, n_a) from that element of a block on, as the caller has x; zeros past the ends of sequences."""
        cdef RowOrder rows = row_order(self.lengths, self.T, self.m, self.reverse)
        cdef cnp.npy_intp dims[3]
        cdef cnp.npy_intp strides[3]
        cdef cnp.ndarray out
        cdef Py_ssize_t size = self.n_a * self.item
        sizes_of(&self.layout, self.T, self.m, self.n_a, dims)
        if self.lengths is None:
            sizes_of(&self.layout, -stride_t if self.reverse else stride_t, size, self.item, strides)
            first += (self.T - 1) * stride_t // self.item if self.reverse and self.T > 0 else 0
            out = view(block, first * self.item, self.layout.nd, dims, strides)
        else:
            out = PyArray_EMPTY(self.layout.nd, dims, self.typenum, 0)
            scatter_rows(&rows, data(block) + first * self.item, stride_t, size, <char*> data(out), self.m * size, size)
        return in_axes(out, &self.layout)

    def every_gate(self):
        """Return each stored gate of every step: (T, m, n_a), with the axes of x."""
        cdef Py_ssize_t size = self.m * self.n_a, g
        return tuple([self.steps(self.gates, g * size, self.stored_gates * size * self.item)
                      for g in range(self.stored_gates)])

    def every_cell_state(self):
        """Return the last of the states after every step: (T, m, n_a), with the axes of x."""
        cdef Py_ssize_t size = self.m * self.n_a, state = self.count - 1
        if self.states is None:                          # made by hand: it is the record of nothing
            raise ValueError("cyrnn: no forward pass has left this record")
        return self.steps(self.states, (state * (self.T + 1) + 1) * size, size * self.item)


cdef SavedForward record(Sublayer layer, LayerRun* w, const Layout* layout, cnp.ndarray x, Lengths lengths,
                         Resets resets):
    """Allocate the record, fill in x and the initial states, and run."""
    cdef CallContext* context = w.context
    cdef Run* run = &context.run
    cdef SavedForward saved = SavedForward()
    cdef cnp.npy_intp dims[4]
    cdef Py_ssize_t i, j, n_a = run.n_a * context.item
    cdef char* states
    saved.sublayer, saved.layout, saved.reverse = layer, layout[0], layer.reverse
    saved.lengths, saved.resets = lengths, resets
    saved.typenum, saved.item, saved.tokens = context.typenum, context.item, run.tokens
    saved.T, saved.m, saved.n_a, saved.n_h = run.T, run.m, run.n_a, run.n_h
    saved.count, saved.stored_gates = layer.calls.states, context.stored_gates
    record_x(saved, w, x)
    dims[0], dims[1], dims[2], dims[3] = layer.calls.states, run.T + 1, run.m, run.n_a
    if lengths is None:
        saved.states = PyArray_EMPTY(4, dims, context.typenum, 0)
    else:
        saved.states = PyArray_ZEROS(4, dims, context.typenum, 0)      # the backward pass multiplies whole grids
    states = <char*> data(saved.states)
    run.initial = <const real*> states
    run.states = <real*> (states + run.m * n_a)
    run.state_stride = run.initial_state_stride = (run.T + 1) * run.m * run.n_a
    run.state_stride_t = run.m * run.n_a
    run.x, run.x_stride_t, run.x_stride_m, run.x_stride_k = saved.x_rows, saved.x_stride_t, saved.x_stride_m, 1
    run.batch_sizes = w.rows.batch_sizes
    for i in range(layer.calls.states):
        if i == 0 and run.Whr != NULL:
            dims[0], dims[1], dims[2] = run.T + 1, run.m, run.n_h
            saved.hidden = PyArray_ZEROS(3, dims, context.typenum, 0)
            run.hidden_initial = <const real*> data(saved.hidden)
            run.hidden = <real*> advance(run.hidden_initial, run.m * run.n_h, context.item)
            sort_state(w, i, <char*> data(saved.hidden))
            memset(states, 0, run.m * n_a)
        else:
            sort_state(w, i, states + i * (run.T + 1) * run.m * n_a)
    if context.stored_gates:
        dims[0], dims[1], dims[2], dims[3] = run.T, context.stored_gates, run.m, run.n_a
        saved.gates = PyArray_EMPTY(4, dims, context.typenum, 0)
        run.gates = <real*> data(saved.gates)
    if w.rows.total > 0:
        parallel_for(recorded_range, context, run.m,
                     <double> w.rows.total * run.n_a * context.gates * (<double> row_elements(run) + run.n_h))
    return saved


cdef int record_x(SavedForward saved, const LayerRun* w, cnp.ndarray x) except -1:
    """Keep x in place where its rows are the run's, with unit stride along n_x; else gather them."""
    cdef const Run* run = &w.context.run
    cdef cnp.npy_intp dims[3]
    cdef Py_ssize_t item = w.context.item, n = row_elements(run)
    if w.rows.order == NULL and (run.x_stride_k == 1 or run.n_x <= 1):
        saved.x, saved.x_rows = x, run.x
        saved.x_stride_t, saved.x_stride_m = run.x_stride_t, run.x_stride_m
        if w.rows.reverse and run.T > 0:
            saved.x_rows, saved.x_stride_t = advance(run.x, (run.T - 1) * run.x_stride_t, item), -run.x_stride_t
        return 0
    dims[0], dims[1], dims[2] = run.T, run.m, n
    saved.x = PyArray_EMPTY(3, dims, w.context.typenum, 0)
    saved.x_rows = <const real*> data(saved.x)
    saved.x_stride_t, saved.x_stride_m = run.m * n, n
    gather_rows(&w.rows, <const char*> run.x, run.x_stride_t * item, run.x_stride_m * item, run.x_stride_k * item,
                n, item, <char*> saved.x_rows)
    return 0


cdef void sort_state(const LayerRun* w, Py_ssize_t i, char* out) noexcept:
    """An initial state (m, n) in the order of the run."""
    cdef Py_ssize_t j, size = w.sizes[i] * w.context.item
    for j in range(w.rows.m):
        copy_state(out + j * size, w.initial[i], sequence_of(&w.rows, j) * size, size)


cdef int recorded_range(const void* given, Py_ssize_t first, Py_ssize_t last, Progress* progress) noexcept nogil:
    """All steps of some columns."""
    cdef const CallContext* context = <const CallContext*> given
    cdef Run run = context.run
    take_columns(&run, first, last, context.item)
    return forward_steps(context, &run, True, progress)


cdef cnp.ndarray scatter_record(Sublayer layer, LayerRun* w, const Layout* layout, SavedForward saved, object output):
    """The output and the states after the last step, from a record. The output of one direction is a view of it."""
    cdef const Run* run = &w.context.run
    cdef Py_ssize_t item = w.context.item, i, j, k, step, size
    cdef const char* hidden
    cdef const char* states
    cdef cnp.npy_intp dims[3]
    cdef cnp.npy_intp strides[3]
    for i in range(layer.calls.states):
        size = w.sizes[i] * item
        if i == 0 and saved.hidden is not None:
            states = data(saved.hidden)
        else:
            states = data(saved.states) + i * (run.T + 1) * run.m * size
        for j in range(run.m):
            k = sequence_of(&w.rows, j)
            memcpy(w.last[i] + k * size, states + (length_of(&w.rows, k) * run.m + j) * size, size)
    size = w.sizes[0] * item
    if layer.directions == 1 and not layer.reverse and saved.lengths is None:
        sizes_of(layout, run.T, run.m, w.sizes[0], dims)
        sizes_of(layout, run.m * size, size, item, strides)
        return in_axes(view(saved.states if saved.hidden is None else saved.hidden, run.m * size, layout.nd, dims,
                            strides), layout)
    output = take_output(layer, w, layout, output)
    hidden = data(saved.states if saved.hidden is None else saved.hidden) + run.m * size
    scatter_rows(&w.rows, hidden, run.m * size, size, w.output, w.output_stride_t, w.output_stride_m)
    return output
