"""What environment.h offers, as Cython sees it."""
cdef extern from "environment.h" nogil:
    ctypedef unsigned long long Environment

    Environment enter_environment() noexcept
    void leave_environment(Environment saved) noexcept
