"""What the cells' functions are given."""

ctypedef struct PointwiseArgs:
    # What a cell's pointwise function is given: `rows` rows of `n` neighbouring elements, strides in elements.
    Py_ssize_t rows, n
    const real* z            # pre-activations; each row may be read up to a whole vector past n
    Py_ssize_t z_row_stride, z_gate_stride
    const real* previous     # states before the step, and
    real* next               # after it; or what the next stage multiplies
    Py_ssize_t row_stride    # of states and gates
    Py_ssize_t previous_state_stride, state_stride       # from state to state
    real* gates              # values kept for the cache, and for the next stage; or NULL
    Py_ssize_t gate_stride

ctypedef struct PointwiseBackwardArgs:
    # What a cell's derivative is given: `rows` rows of `n` neighbouring elements, strides in elements.
    Py_ssize_t rows, n
    const real* d_next       # gradient of `next` through the products; rows readable as z of PointwiseArgs
    Py_ssize_t d_next_row_stride
    const real* da           # the caller's gradient of `next`, to be added where `next` is a_next
    Py_ssize_t da_row_stride
    const real* previous     # states before the step, and
    const real* next         # after it
    const real* gates        # values kept by the cache
    Py_ssize_t row_stride    # of states, gates, `inner` and `skip_gradient`
    Py_ssize_t previous_state_stride, next_state_stride, gate_stride
    real* inner              # what a first stage hands on, written; or the z that no cache keeps
    real* skip_gradient      # gradient that does not pass the products: after the stage, then before it
    real* dz                 # written: gradients of the pre-activations
    Py_ssize_t dz_row_stride, dz_gate_stride
