"""Atomic operations, the clock and the waiting of each compiler and system; and CPython's locks and signals."""

cdef extern from *:
    """
    #ifdef _WIN32
    #ifndef WIN32_LEAN_AND_MEAN
    #define WIN32_LEAN_AND_MEAN
    #endif
    #ifndef NOMINMAX
    #define NOMINMAX
    #endif
    #include <windows.h>
    #define CYRNN_YIELD() SwitchToThread()
    #else
    #include <sched.h>
    #define CYRNN_YIELD() sched_yield()
    #endif
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    #define CYRNN_ADD(to, n) _InterlockedExchangeAdd((to), (n))
    #define CYRNN_LOAD(at) (*(volatile long *)(at))
    #define CYRNN_REPLACE(at, old, by) (_InterlockedCompareExchange((at), (by), (old)) == (old))
    #if defined(_M_ARM64)
    #define CYRNN_RELAX() __yield()
    #else
    #define CYRNN_RELAX() _mm_pause()
    #endif
    #else
    #define CYRNN_ADD(to, n) __atomic_fetch_add((to), (n), __ATOMIC_SEQ_CST)
    #define CYRNN_LOAD(at) __atomic_load_n((at), __ATOMIC_SEQ_CST)
    static int cyrnn_replace(long *at, long old, long by) {
        return __atomic_compare_exchange_n(at, &old, by, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    #define CYRNN_REPLACE cyrnn_replace
    #if defined(__x86_64__) || defined(__i386__)
    #define CYRNN_RELAX() __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define CYRNN_RELAX() __asm__ __volatile__("yield")
    #else
    #define CYRNN_RELAX() ((void)0)
    #endif
    #endif
    #include <time.h>
    static long long cyrnn_microseconds(void) {
    #ifdef _WIN32
        LARGE_INTEGER now, second;
        QueryPerformanceCounter(&now);
        QueryPerformanceFrequency(&second);
        return now.QuadPart / second.QuadPart * 1000000 + now.QuadPart % second.QuadPart * 1000000 / second.QuadPart;
    #else
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000;
    #endif
    }
    #define CYRNN_PROPAGATE() (-1)
    """
    long atomic_add "CYRNN_ADD" (long* to, long n) nogil                   # returns the number before
    long atomic_load "CYRNN_LOAD" (long* at) nogil
    bint atomic_replace "CYRNN_REPLACE" (long* at, long old, long by) nogil  # whether it was `old`, and no more is
    void relax "CYRNN_RELAX" () nogil
    void yield_core "CYRNN_YIELD" () nogil
    long long microseconds "cyrnn_microseconds" () noexcept nogil
    int propagate "CYRNN_PROPAGATE" () except -1                           # the exception that is set

cdef extern from "Python.h":
    int signals_raise "PyErr_CheckSignals" () noexcept                     # -1, and an exception is set
    int raise_signals "PyErr_CheckSignals" () except -1                    # the same, for code that may raise
    PyObject* PyObject_CallFunctionObjArgs(PyObject* function, ...) noexcept
    unsigned long PyThread_get_thread_ident() nogil
    void* PyThread_allocate_lock()
    int PyThread_acquire_lock_timed(void* lock, long long microseconds, int interruptible) nogil
    void PyThread_release_lock(void* lock) nogil
    void PyThread_free_lock(void* lock)
