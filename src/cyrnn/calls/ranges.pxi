"""Ranges of the rows of a call, which threads take. A column of the batch is a row (n,) of memory, too.

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
    WAITING_PAUSES = 1000    # of about 50 ns, before a thread sleeps
    LOOK_MILLISECONDS = 60   # the wait for a GIL that another thread keeps, 5 ms, stays below a tenth
    STEPS_OF_OBJECTS = 4096  # whose cache tuples are made, or read, in some milliseconds

cdef struct Progress:
    # how far a thread has come in a call: for `pause` alone
    long* stopped            # of all threads of the call: not 0 where it must end
    bint looks               # whether this is the calling thread, in which signals may raise
    bint raised              # whether one did: the exception is set
    long long looked         # when the thread looked last, in microseconds; 0: never
    double fmas              # multiply-adds since the last pause

#: does a range of rows, first <= row < last; an Outcome
ctypedef int (*RangeFunction)(const void* context, Py_ssize_t first, Py_ssize_t last,
                              Progress* progress) noexcept nogil

cdef unsigned long main_thread = 0   # whose signals are looked at; 0: not known yet
cdef long forks = 0               # how often this process was forked from another, with that thread alone


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
    now = microseconds()
    if progress.looked <= now < progress.looked + LOOK_MILLISECONDS * 1000:
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


cdef struct Ranges:
    # of a call, for whichever threads come: each takes the next that nobody has, until none is left. The calling
    # thread takes them from the first on, the others from the last: so the weights of a range, call after call, are in
    # the cache of the core that had them
    RangeFunction function
    const void* context
    Py_ssize_t rows, ranges
    long taken               # how many ranges threads have taken, or tried to
    long from_first, from_last   # how many of them from either end
    long left                # how many have not ended
    long stopped             # not 0: those that begin are left out
    long no_memory           # how many failed for want of memory
    void* all_ended          # a lock that the end of the last range opens


cdef inline Py_ssize_t take_range(Ranges* task, bint calling) noexcept nogil:
    """Take a range that nobody has; -1 where there is none."""
    if atomic_add(&task.taken, 1) >= task.ranges:
        return -1
    return atomic_add(&task.from_first, 1) if calling else task.ranges - 1 - atomic_add(&task.from_last, 1)


cdef void take_ranges(Ranges* task, bint calling, Progress* progress) noexcept nogil:
    """Do ranges until all are taken; of a task that was stopped, let them pass."""
    cdef Py_ssize_t i = take_range(task, calling)
    while i >= 0:
        if atomic_add(&task.stopped, 0) == 0:
            if run_range(task.function, task.context, task.rows * i // task.ranges, task.rows * (i + 1) // task.ranges,
                         progress) == NO_MEMORY:
                atomic_add(&task.no_memory, 1)
                atomic_add(&task.stopped, 1)
        if atomic_add(&task.left, -1) == 1:
            PyThread_release_lock(task.all_ended)
        i = take_range(task, calling)


cdef void wait_for_ranges(Ranges* task, Progress* progress, long process) noexcept nogil:
    """Wait until the ranges that other threads took have ended: soon, if a signal stops them.

    Not in the child of a fork, which a signal's handler may have made: the other threads are not in it.
    """
    cdef Py_ssize_t pauses = 0
    while pauses < WAITING_PAUSES and atomic_load(&task.left) > 0:       # to be woken takes longer
        pauses += 1
        relax()
    while atomic_add(&task.left, 0) > 0 and forks == process:
        if PyThread_acquire_lock_timed(task.all_ended, LOOK_MILLISECONDS * 500, 0) == 0:
            pause(progress)
