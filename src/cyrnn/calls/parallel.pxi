"""Work that threads may share: ranges of rows. A column of the batch is a row (n,) of memory, too.

A range works on memory of the call it belongs to: addresses on its stack, and arrays that go when the call ends. So no
call ends while one of its ranges runs, and none begins after: not even where an interrupt, or a thread that cannot be
started, ends `split` early.
"""

#: does a range of rows, first <= row < last; 0, or -1 where memory is short
ctypedef int (*RangeFunction)(const void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil

cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    #define CYRNN_ADD(to, n) _InterlockedExchangeAdd((to), (n))
    #else
    #define CYRNN_ADD(to, n) __atomic_fetch_add((to), (n), __ATOMIC_SEQ_CST)
    #endif
    """
    long atomic_add "CYRNN_ADD" (long* to, long n) nogil                   # returns the number before

cdef extern from "pythread.h":
    void* PyThread_allocate_lock()
    int PyThread_acquire_lock_timed(void* lock, long long microseconds, int interruptible) nogil
    void PyThread_release_lock(void* lock)
    void PyThread_free_lock(void* lock)

cdef enum:
    ENDED = 1 << 30          # added to the running ranges of a task, so that no more begin

cdef double min_shared_fmas = 0   # multiply-adds from which on threads share a call, 0: never
cdef object split = None          # threads.split


def share_above(double fmas, how):
    """Let how(run, rows, multiply-adds) divide calls of that many multiply-adds, or more, among threads; 0: none."""
    global min_shared_fmas, split
    min_shared_fmas, split = fmas, how


cdef inline int run_range(RangeFunction function, const void* context, Py_ssize_t first,
                          Py_ssize_t last) noexcept nogil:
    """Do a range in the default floating-point environment, whatever the thread's own is."""
    cdef Environment environment = enter_environment()
    cdef int failed = function(context, first, last)
    leave_environment(environment)
    return failed


cdef class Task:
    """A range function and its context, as Python calls them."""

    cdef RangeFunction function
    cdef const void* context
    cdef long running

    def __call__(self, Py_ssize_t first, Py_ssize_t last):
        cdef int failed = 0
        with nogil:
            if atomic_add(&self.running, 1) < ENDED:
                failed = run_range(self.function, self.context, first, last)
            atomic_add(&self.running, -1)
        if failed:
            raise MemoryError("cyrnn: no memory for the work area")

    cdef void end(self):
        """Let no more ranges begin, and wait for those that run. Nothing interrupts the wait."""
        cdef void* closed
        atomic_add(&self.running, ENDED)
        if atomic_add(&self.running, 0) == ENDED:
            return
        closed = PyThread_allocate_lock()
        with nogil:
            if closed != NULL:
                PyThread_acquire_lock_timed(closed, 0, 0)
            while atomic_add(&self.running, 0) != ENDED:
                if closed != NULL:
                    PyThread_acquire_lock_timed(closed, 1000, 0)           # nobody opens it: a nap of a millisecond
        if closed != NULL:
            PyThread_release_lock(closed)
            PyThread_free_lock(closed)


cdef inline bint is_shared(Py_ssize_t rows, double fmas) noexcept nogil:
    """Whether threads share work on so many rows."""
    return min_shared_fmas > 0 and rows >= MIN_SHARED_ROWS and fmas >= min_shared_fmas


cdef int parallel_for(RangeFunction function, const void* context, Py_ssize_t rows, double fmas) except -1:
    """Do all rows, on several threads if so many multiply-adds are worth it."""
    cdef Task task
    cdef int failed
    if is_shared(rows, fmas):
        task = Task()
        task.function, task.context = function, context
        try:
            split(task, rows, <Py_ssize_t> fmas)
        finally:
            task.end()
        return 0
    if fmas < RELEASE_GIL_FMAS:
        failed = run_range(function, context, 0, rows)
    else:
        with nogil:
            failed = run_range(function, context, 0, rows)
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")
    return 0
