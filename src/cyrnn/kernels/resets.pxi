"""Columns that are reset before a step of a run: their states are zeros there, or those before the first step."""

cdef inline const char* flags_at(const Resets* resets, Py_ssize_t t, Py_ssize_t m) noexcept nogil:
    """Which of m columns are reset before step t; NULL where none is."""
    cdef const char* flags
    if resets.flags == NULL:
        return NULL
    flags = resets.flags + t * resets.stride_t
    return flags if memchr(flags, 1, m) != NULL else NULL


cdef void copy_with_resets(const Resets* resets, const char* flags, Py_ssize_t i, const real* source, Py_ssize_t m,
                           Py_ssize_t n, Py_ssize_t n_a, real* out) noexcept nogil:
    """out (m, n) = source: state i before a step, and of the columns that are reset what it is there."""
    cdef Py_ssize_t j
    memcpy(out, source, m * n * sizeof(real))
    for j in range(m):
        if flags[j] and resets.initial == NULL:
            memset(out + j * n, 0, n * sizeof(real))
        elif flags[j]:
            memcpy(out + j * n, resets.initial + i * resets.initial_state_stride + j * n_a, n * sizeof(real))
