"""Work that threads may share: ranges of rows. A column of the batch is a row (n,) of memory, too.

A range works on memory of the call it belongs to: addresses on its stack, and arrays that go when the call ends. So no
call ends while one of its ranges runs, and none begins after. Whatever happens meanwhile, a signal, an exception in
Python, memory that is short, a thread that cannot be started or that died: the calling thread takes all ranges that
nobody has taken, lets those that were begun know that they may stop, and waits for them.

Between blocks of some milliseconds a range says `pause`. There the calling thread looks at signals, at most every
LOOK_MILLISECONDS, since that takes the GIL; the others look whether the call has stopped.
"""

cdef enum Outcome:
    DONE = 0
    NO_MEMORY = -1           # as kernels say it
    STOPPED = -2             # by a signal whose handler raised, or by another range

cdef enum:
    LOOK_MILLISECONDS = 60   # the wait for a GIL that another thread keeps, 5 ms, stays below a tenth
    STEPS_OF_OBJECTS = 4096  # whose cache tuples are made, or read, in some milliseconds

cdef struct Progress:
    # how far a thread has come in a call: for `pause` alone
    long* stopped            # of all threads of the call: not 0 where it must end
    bint looks               # whether this is the calling thread, in which signals may raise
    bint raised              # whether one did: the exception is set
    long long looked         # when the thread looked last, in milliseconds; 0: never
    double fmas              # multiply-adds since the last pause

#: does a range of rows, first <= row < last; an Outcome
ctypedef int (*RangeFunction)(const void* context, Py_ssize_t first, Py_ssize_t last,
                              Progress* progress) noexcept nogil

cdef extern from *:
    """
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    #define CYRNN_ADD(to, n) _InterlockedExchangeAdd((to), (n))
    #else
    #define CYRNN_ADD(to, n) __atomic_fetch_add((to), (n), __ATOMIC_SEQ_CST)
    #endif
    #include <time.h>
    static long long cyrnn_milliseconds(void) {
        struct timespec now;
    #ifdef _WIN32
        timespec_get(&now, TIME_UTC);
    #else
        clock_gettime(CLOCK_MONOTONIC, &now);
    #endif
        return (long long) now.tv_sec * 1000 + now.tv_nsec / 1000000;
    }
    #define CYRNN_PROPAGATE() (-1)
    """
    long atomic_add "CYRNN_ADD" (long* to, long n) nogil                   # returns the number before
    long long milliseconds "cyrnn_milliseconds" () noexcept nogil
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

cdef double min_shared_fmas = 0   # multiply-adds from which on threads share a call, 0: never
cdef object split = None          # threads.split
cdef unsigned long main_thread = 0   # whose signals are looked at; 0: not known yet
cdef long forks = 0               # how often this process was forked from another, with that thread alone


def begin_process(unsigned long ident):
    """Note the main thread, at import and in the child of a fork."""
    global main_thread, forks
    main_thread = ident
    forks += 1


def share_above(double fmas, how):
    """Let how(task, rows, multiply-adds) divide calls of that many multiply-adds, or more, among threads; 0: none."""
    global min_shared_fmas, split
    min_shared_fmas, split = fmas, how


cdef int look_at_signals() noexcept nogil:
    """Run the handlers of signals that have come; -1 where one raised. Threads but Python's main one have none."""
    cdef int outcome
    with gil:
        outcome = signals_raise()
    enter_environment()              # a handler may have set another one
    return outcome


cdef inline int pause_between_steps(Py_ssize_t t) except -1:
    """Look at signals in a loop over steps that makes or reads objects, now and then."""
    return raise_signals() if t % STEPS_OF_OBJECTS == STEPS_OF_OBJECTS - 1 else 0


cdef int pause(Progress* progress) noexcept nogil:
    """Between two blocks of a range: STOPPED where the call must end."""
    cdef long long now
    if atomic_add(progress.stopped, 0):
        return STOPPED
    if not progress.looks:
        return DONE
    now = milliseconds()
    if progress.looked <= now < progress.looked + LOOK_MILLISECONDS:
        return DONE
    progress.looked = now
    if look_at_signals() == 0:
        return DONE
    progress.raised, progress.looks = True, False
    atomic_add(progress.stopped, 1)
    return STOPPED


cdef inline void begin_progress(Progress* progress, long* stopped, bint calling) noexcept nogil:
    """A thread other than Python's main one has no signals, and takes no GIL: it would end there with the interpreter,
    while others still work on its memory.
    """
    progress.stopped, progress.raised = stopped, False
    progress.looks = calling and PyThread_get_thread_ident() == main_thread
    progress.looked, progress.fmas = 0, 0


cdef inline int run_range(RangeFunction function, const void* context, Py_ssize_t first, Py_ssize_t last,
                          Progress* progress) noexcept nogil:
    """Do a range in the default floating-point environment, whatever the thread's own is."""
    cdef Environment environment = enter_environment()
    cdef int outcome = function(context, first, last, progress)
    leave_environment(environment)
    return outcome


cdef class Task:
    """The ranges of a call, for whichever threads call it: each takes the next that nobody has, until none is left.

    No Python runs between the taking of a range and its end, so that no exception can lose one.
    """

    cdef RangeFunction function
    cdef const void* context
    cdef Py_ssize_t rows, ranges
    cdef long taken          # how many ranges threads have taken, or tried to
    cdef long left           # how many have not ended
    cdef long stopped        # not 0: those that begin are left out
    cdef long no_memory      # how many failed for want of memory
    cdef void* all_ended     # a lock that the end of the last range opens

    def __cinit__(self):
        self.ranges = self.left = 1
        self.all_ended = PyThread_allocate_lock()
        if self.all_ended == NULL:
            raise MemoryError
        with nogil:
            PyThread_acquire_lock_timed(self.all_ended, 0, 0)

    def __dealloc__(self):
        if self.all_ended != NULL:
            PyThread_free_lock(self.all_ended)

    def divide(self, long ranges):
        """Make so many ranges of the rows, about the same size each. Before any thread calls the task."""
        self.ranges = self.left = ranges

    def __call__(self):
        cdef Progress progress
        with nogil:
            begin_progress(&progress, &self.stopped, False)
            take_ranges(self, &progress)


cdef void take_ranges(Task task, Progress* progress) noexcept nogil:
    """Do ranges until all are taken; of a task that was stopped, let them pass."""
    cdef Py_ssize_t i = atomic_add(&task.taken, 1)
    while i < task.ranges:
        if atomic_add(&task.stopped, 0) == 0:
            if run_range(task.function, task.context, task.rows * i // task.ranges, task.rows * (i + 1) // task.ranges,
                         progress) == NO_MEMORY:
                atomic_add(&task.no_memory, 1)
                atomic_add(&task.stopped, 1)
        if atomic_add(&task.left, -1) == 1:
            PyThread_release_lock(task.all_ended)
        i = atomic_add(&task.taken, 1)


cdef void wait_for_ranges(Task task, Progress* progress, long process) noexcept nogil:
    """Wait until the ranges that other threads took have ended: soon, if a signal stops them.

    Not in the child of a fork, which a signal's handler may have made: the other threads are not in it.
    """
    while atomic_add(&task.left, 0) > 0 and forks == process:
        if PyThread_acquire_lock_timed(task.all_ended, LOOK_MILLISECONDS * 500, 0) == 0:
            pause(progress)


cdef inline bint is_shared(Py_ssize_t rows, double fmas) noexcept nogil:
    """Whether threads share work on so many rows."""
    return min_shared_fmas > 0 and rows >= MIN_SHARED_ROWS and fmas >= min_shared_fmas


cdef int share(RangeFunction function, const void* context, Py_ssize_t rows, double fmas) except -1:
    """Do all rows on several threads. An exception in `split` stays set while those that have begun are waited for."""
    cdef Task task = Task()
    cdef object how = split, count = rows, work = <Py_ssize_t> fmas
    cdef PyObject* result
    cdef Progress progress
    cdef long process = forks
    task.function, task.context, task.rows = function, context, rows
    begin_progress(&progress, &task.stopped, True)
    result = PyObject_CallFunctionObjArgs(<PyObject*> how, <PyObject*> task, <PyObject*> count, <PyObject*> work, NULL)
    if result == NULL:
        progress.raised, progress.looks = True, False
        atomic_add(&task.stopped, 1)
    else:
        decref(result)
    with nogil:
        take_ranges(task, &progress)
        wait_for_ranges(task, &progress, process)
    if progress.raised:
        return propagate()
    if forks != process:
        raise RuntimeError("cyrnn: the process was forked during this call, by a signal's handler: call again")
    if task.no_memory:
        raise MemoryError("cyrnn: no memory for the work area")
    return 0


cdef int run_alone(RangeFunction function, const void* context, Py_ssize_t rows, bint release_gil) except -1:
    """Do all rows in this thread."""
    cdef Progress progress
    cdef long stopped = 0
    cdef int outcome
    begin_progress(&progress, &stopped, True)
    if release_gil:
        with nogil:
            outcome = run_range(function, context, 0, rows, &progress)
    else:
        outcome = run_range(function, context, 0, rows, &progress)
    if outcome == STOPPED:
        return propagate()
    if outcome == NO_MEMORY:
        raise MemoryError("cyrnn: no memory for the work area")
    return 0


cdef int parallel_for(RangeFunction function, const void* context, Py_ssize_t rows, double fmas) except -1:
    """Do all rows, on several threads if so many multiply-adds are worth it."""
    if is_shared(rows, fmas):
        return share(function, context, rows, fmas)
    return run_alone(function, context, rows, fmas >= RELEASE_GIL_FMAS)
