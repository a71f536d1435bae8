"""How packed matrices lie in memory.

Packed form of `gates` stacked matrices (units, K): panels of V vectors, [panel][k][V][LANES], zero-padded to full
vectors. With several gates V = gates, and a panel holds LANES units of each gate; with one gate V = 4, and a panel
holds 4 * LANES units, the last one only as many vectors as it needs.
"""

cdef enum:
    ALIGNMENT = 64           # bytes: a cache line, and the widest vector


cdef inline real* aligned(void* memory) noexcept nogil:
    """The first whole cache line of memory allocated with ALIGNMENT bytes to spare.

    A vector that crosses a line costs two: f32 LSTM (128,128,1,100) took 348 us on packed weights that began anywhere,
    250 on aligned ones (Xeon with AVX-512, 2026-11-23).
    """
    return <real*> ((<size_t> memory + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)


cdef inline Py_ssize_t vectors_per_panel(Py_ssize_t gates) noexcept nogil:
    return 4 if gates == 1 else gates


cdef inline Py_ssize_t units_per_panel(Py_ssize_t gates) noexcept nogil:
    return 4 * LANES if gates == 1 else LANES


cdef inline Py_ssize_t vectors(Py_ssize_t units, Py_ssize_t gates) noexcept nogil:
    """How many vectors all panels of `gates` matrices have together: the width of z."""
    return gates * ((units + LANES - 1) // LANES)
