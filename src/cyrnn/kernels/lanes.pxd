"""What lanes.h and squares.h offer, as Cython sees it: see there for the meaning of each name.

Cython takes `vec` for a plain number; the C compiler knows better. So never write `cdef vec x = 0`: say splat(0).
"""
from cyrnn.kernels.run cimport real

cdef extern from "lanes.h" nogil:
    ctypedef unsigned long long bits
    ctypedef double vec
    ctypedef unsigned long long ivec
    ctypedef long long mask

    const Py_ssize_t LANES
    const Py_ssize_t TILE_ROWS
    enum: MAX_LANES

    vec load(const real* p) noexcept
    vec load_first(const real* p, Py_ssize_t n) noexcept
    void store(real* p, vec v) noexcept
    void store_first(real* p, vec v, Py_ssize_t n) noexcept
    vec keep_first(vec v, Py_ssize_t n) noexcept
    void gather(const real* p, Py_ssize_t stride, Py_ssize_t n, real* out) noexcept
    vec splat(real s) noexcept
    ivec isplat(bits s) noexcept
    ivec as_bits(vec v) noexcept
    vec as_real(ivec v) noexcept

    vec fma "fma_"(vec a, vec b, vec c) noexcept
    vec root "sqrt_"(vec v) noexcept
    mask less(vec a, vec b) noexcept
    vec select "select_"(mask m, vec a, vec b) noexcept
    vec max_(vec a, vec b) noexcept
    vec min_(vec a, vec b) noexcept

cdef extern from "squares.h" nogil:
    const Py_ssize_t COLUMNS
    void load_rows(const real* p, Py_ssize_t row_stride, Py_ssize_t count, Py_ssize_t n, vec* rows) noexcept
    void transpose(vec* rows) noexcept
    void load_columns(const real* p, Py_ssize_t row_stride, vec* columns) noexcept
