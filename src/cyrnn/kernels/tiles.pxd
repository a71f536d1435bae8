"""What tiles.h offers, as Cython sees it: see there."""
from cyrnn.kernels.lanes cimport vec
from cyrnn.kernels.run cimport real

cdef extern from "tiles.h" nogil:
    enum: MAX_TILE
    void tile_load(vec* acc, const real* z, Py_ssize_t row_stride, Py_ssize_t panel_stride, Py_ssize_t R, Py_ssize_t P,
                   Py_ssize_t V) noexcept
    enum: LINE
    void ask_for_line(const real* p) noexcept
    void tile_prefetch(const real* z, Py_ssize_t row_stride, Py_ssize_t R, Py_ssize_t V) noexcept
    void tile_splat(vec* acc, const real* column, Py_ssize_t row_stride, Py_ssize_t R, Py_ssize_t P,
                    Py_ssize_t V) noexcept
    void tile_store(real* z, const vec* acc, Py_ssize_t row_stride, Py_ssize_t panel_stride, Py_ssize_t R, Py_ssize_t P,
                    Py_ssize_t V) noexcept
    const real* pointer_alone(const real* p) noexcept
    void tile_fma(vec* acc, const real* row, Py_ssize_t row_stride, const real* panel, Py_ssize_t panel_stride,
                  Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept
    void columns_fma(vec* acc, const real* W, Py_ssize_t row_stride, const real* x, Py_ssize_t P,
                     Py_ssize_t R) noexcept
    Py_ssize_t lines_fma(vec* acc, const real* W, Py_ssize_t row_stride, const real* x, Py_ssize_t K,
                         Py_ssize_t R) noexcept
    void tile_is_summed(const vec* acc, Py_ssize_t R, Py_ssize_t P, Py_ssize_t V) noexcept
    void columns_start(vec* acc, const vec* b, Py_ssize_t P, Py_ssize_t R) noexcept
