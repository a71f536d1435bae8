"""When the input projection is interleaved with the recurrent product, and how many rows of it."""

cdef extern from *:
    """
    /* Whether the CPU is AMD's. Not `__builtin_cpu_is`: what `zig cc` builds says no on any CPU, and has the whole of
       its run-time library in it, 140 kB a module. */
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <cpuid.h>
    static int made_by_amd(void) {
        unsigned a, b, c, d;
        return __get_cpuid(0, &a, &b, &c, &d) && b == 0x68747541 && d == 0x69746e65 && c == 0x444d4163;
    }
    #else
    static int made_by_amd(void) { return 0; }
    #endif
    """
    bint made_by_amd()

cdef bint is_amd = made_by_amd()  # once: on a virtual machine the answer takes many microseconds

cdef enum:
    # How many rows of later steps per tile, for panels of 2, 3 or 4 vectors: as many sums as registers hold.
    INTERLEAVED_ROWS_2 = 10
    INTERLEAVED_ROWS_3 = 7
    INTERLEAVED_ROWS_4 = 5
    INTERLEAVE_MIN_INPUTS = 16           # with few there is little to hide
    # W_x is read anew every few steps, so a fast cache has to hold all weights. L2 is one, and AMD's L3, of a few
    # cores, is: Zen 4 gains up to 8 MB (f64 LSTM (768,768,1,50), 38 MB: 18 ms in blocks, 29 interleaved). The L3 of
    # Intel's servers is not: f64 LSTM (256,256,1,100) 5.6 ms, 3.4 in blocks, f32 (512,512,1,100) 14.9, 11.4; at 1 MB
    # both ways are level (Xeon with AVX-512 and 2 MB of L2, 2026-11-29).
    INTERLEAVE_MIN_BYTES = 1 << 19       # of int8; below, blocks are faster (Zen 4, 2026-11-29)
    INTERLEAVE_MAX_BYTES_IN_L2 = 5 << 18
    INTERLEAVE_MAX_BYTES_IN_L3 = 1 << 23


cdef inline Py_ssize_t max_interleaved_rows(Py_ssize_t V) noexcept nogil:
    return INTERLEAVED_ROWS_4 if V == 4 else INTERLEAVED_ROWS_3 if V == 3 else INTERLEAVED_ROWS_2


cdef inline double max_interleaved_bytes() noexcept nogil:
    return INTERLEAVE_MAX_BYTES_IN_L3 if is_amd else INTERLEAVE_MAX_BYTES_IN_L2
