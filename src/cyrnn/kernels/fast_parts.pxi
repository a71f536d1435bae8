"""Parts of a job, which threads may share.

A part works on memory of the call it belongs to: addresses on its stack, and arrays that go when it ends. So no call
ends while a part of it runs, and none begins after: not even where an interrupt, or a thread that cannot be started,
ends `split` early.
"""

ctypedef int (*Part)(const void* what, Py_ssize_t first, Py_ssize_t last) noexcept nogil

cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    #define CYRNN_ADD(to, n) _InterlockedExchangeAdd((to), (n))
    #else
    #define CYRNN_ADD(to, n) __atomic_fetch_add((to), (n), __ATOMIC_SEQ_CST)
    #endif
    """
    long add "CYRNN_ADD" (long* to, long n) nogil                          # atomic; returns what was there before

cdef extern from "pythread.h":
    void* PyThread_allocate_lock()
    int PyThread_acquire_lock_timed(void* lock, long long microseconds, int interruptible) nogil
    void PyThread_release_lock(void* lock)
    void PyThread_free_lock(void* lock)

cdef enum:
    ENDED = 1 << 30          # added to the running parts of a task, so that no more begin


cdef class Task:
    """Some part of a job as Python calls it."""

    cdef Part part
    cdef const void* what
    cdef long running

    def __call__(self, Py_ssize_t first, Py_ssize_t last):
        cdef int failed = 0
        with nogil:
            if add(&self.running, 1) < ENDED:
                failed = self.part(self.what, first, last)
            add(&self.running, -1)
        if failed:
            raise MemoryError("cyrnn: no memory for the work area")

    cdef void end(self):
        """Let no more begin, and wait for those that run. Nothing interrupts that."""
        cdef void* closed
        add(&self.running, ENDED)
        if add(&self.running, 0) == ENDED:
            return
        closed = PyThread_allocate_lock()
        with nogil:
            if closed != NULL:
                PyThread_acquire_lock_timed(closed, 0, 0)
            while add(&self.running, 0) != ENDED:
                if closed != NULL:
                    PyThread_acquire_lock_timed(closed, 1000, 0)           # nobody opens it: a nap of a millisecond
        if closed != NULL:
            PyThread_release_lock(closed)
            PyThread_free_lock(closed)


cdef inline bint is_shared(Py_ssize_t rows, double work) noexcept nogil:
    """Whether threads share work on so many rows."""
    return most_work > 0 and rows >= SHARED and work >= most_work


cdef int in_parts(Part part, const void* what, Py_ssize_t rows, double work) except -1:
    """Do what is to be done for all rows, on several threads if the work is worth it."""
    cdef Task task
    cdef int failed
    if is_shared(rows, work):
        task = Task()
        task.part, task.what = part, what
        try:
            split(task, rows, <Py_ssize_t> work)
        finally:
            task.end()
        return 0
    if work < LONG:                           # releasing the GIL would cost more than it gives
        failed = part(what, 0, rows)
    else:
        with nogil:
            failed = part(what, 0, rows)
    if failed:
        raise MemoryError("cyrnn: no memory for the work area")
    return 0
