"""What integers.h offers, as Cython sees it: see there. `width` is the bytes of a packed weight, 1 or 2, or SPLIT."""
from libc.stdint cimport int32_t

from cyrnn.kernels.lanes cimport bits, ivec, vec
from cyrnn.kernels.run cimport real

cdef extern from "integers.h" nogil:
    enum: INT8
    int PLANES(int width)
    int ROW_WIDTH(int width)
    Py_ssize_t WEIGHT_VECTOR(int width)
    int GROUP(int width)
    int RAISED(int width)
    Py_ssize_t IN_VECTOR(Py_ssize_t k, Py_ssize_t lane, int width)

    bint WIDENS(int width)
    void widen_weights(const char* panel, Py_ssize_t count, char* out) noexcept

    ivec nearest(vec x, vec levels, int width) noexcept
    void store_integers(char* p, ivec q, int row_width) noexcept
    ivec high_plane(ivec q) noexcept
    ivec low_plane(ivec q, ivec high) noexcept
    ivec magnitude_bits(vec x) noexcept
    ivec max_bits(ivec a, ivec b) noexcept
    bits max_lane(ivec a) noexcept

    void sums_start(ivec* sums, const int32_t* starts, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V, int width) noexcept
    void sums_load(ivec* sums, const real* z, Py_ssize_t row_stride, Py_ssize_t R, Py_ssize_t V) noexcept
    void sums_store(const ivec* sums, real* z, Py_ssize_t row_stride, Py_ssize_t R, Py_ssize_t V) noexcept
    void sums_dot(ivec* sums, const char* rows, Py_ssize_t row_stride, const char* panel, Py_ssize_t panel_stride,
                  Py_ssize_t R, Py_ssize_t P, Py_ssize_t V, int width) noexcept
    void sums_scale(const ivec* sums, const real* scale, const real* row_scale, const real* start,
                    Py_ssize_t start_row_stride, Py_ssize_t start_panel_stride, real* z, Py_ssize_t z_row_stride,
                    Py_ssize_t z_panel_stride, Py_ssize_t z_vector_stride, Py_ssize_t R, Py_ssize_t P,
                    Py_ssize_t V, int width) noexcept
