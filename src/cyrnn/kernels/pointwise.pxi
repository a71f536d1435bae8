"""The arguments of the cells' functions, pointwise maths over `rows` rows of `n` neighbouring units.

Units in lanes: rows are columns of the batch. Batch in lanes: one row of n_a * m elements. Strides count elements.
"""

ctypedef struct PointwiseArgs:
    # Forward. Inputs alias no output.
    Py_ssize_t rows, n
    const Variant* variant   # NULL for the plain form of a cell
    Py_ssize_t unit          # which unit the first is
    real* z                  # (gates, rows, n), pre-activations, then workspace; up to a whole vector past each row
    Py_ssize_t z_row_stride, z_gate_stride
    const real* previous     # (S, rows, n), states before the step
    Py_ssize_t previous_state_stride
    real* next               # (S, rows, n), states after the step, written; of a first stage (rows, n), its output
    Py_ssize_t state_stride
    real* gates              # (G', rows, n), stored gates, written and read by a second stage; NULL if not wanted
    Py_ssize_t gate_stride
    Py_ssize_t row_stride    # of states and gates

ctypedef struct PointwiseBackwardArgs:
    # Backward. The gradient of a stage's output is d_next, of a last stage d_next + da (and the skip gradient of a).
    Py_ssize_t rows, n
    const Variant* variant   # as above
    Py_ssize_t unit
    const real* d_next       # (rows, n), gradient through the products of the stage after; readable as z above
    Py_ssize_t d_next_row_stride
    const real* da           # (rows, n), the caller's gradient of a_next; read by a last stage
    Py_ssize_t da_row_stride
    const real* previous     # (S, rows, n), states before the step
    const real* next         # (S, rows, n), states after the step
    const real* gates        # (G', rows, n), stored gates
    Py_ssize_t previous_state_stride, next_state_stride, gate_stride
    real* inner              # (rows, n), output of a first stage, written; or a recomputed z, read
    real* skip_gradient      # (rows, n), gradient past the products: of `next`, read; then of `previous`, written
    real* dz                 # (gates, rows, n), gradients of the pre-activations, written
    Py_ssize_t dz_row_stride, dz_gate_stride
    Py_ssize_t row_stride    # of states, gates, `inner` and `skip_gradient`


cdef inline void to_next_vector(Py_ssize_t n, Py_ssize_t* r, Py_ssize_t* i) noexcept nogil:
    """Go on from element i of row r to the next vector, of this row of n elements or the next one.

    One loop over the vectors of all rows, not a loop in a loop: where a row is one vector, the compiler would broadcast
    the constants of all activations for each.
    """
    i[0] += LANES
    if i[0] >= n:
        i[0] = 0
        r[0] += 1
