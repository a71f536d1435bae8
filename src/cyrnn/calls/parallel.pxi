"""Work that threads may share."""

cdef double min_shared_fmas = 0   # multiply-adds from which on threads share a call, 0: never
cdef object split = None          # threads.split


def begin_process(unsigned long ident):
    """Note the main thread, at import and in the child of a fork."""
    global main_thread, forks, ready
    main_thread = ident
    forks += 1
    ready = 0
    memset(seats, 0, sizeof(seats))


def share_above(double fmas, how):
    """Let how(task, rows, multiply-adds) divide calls of that many multiply-adds, or more, among threads; 0: none."""
    global min_shared_fmas, split
    min_shared_fmas, split = fmas, how


cdef class Task:
    """The ranges of a call, which Python hands to threads.

    No Python runs between the taking of a range and its end, so that no exception can lose one.
    """

    cdef Ranges ranges
    cdef Offer made[SEATS]
    cdef Py_ssize_t offers

    def __cinit__(self):
        self.ranges.ranges = self.ranges.left = 1
        self.ranges.all_ended = PyThread_allocate_lock()
        if self.ranges.all_ended == NULL:
            raise MemoryError
        with nogil:
            PyThread_acquire_lock_timed(self.ranges.all_ended, 0, 0)

    def __dealloc__(self):
        if self.ranges.all_ended != NULL:
            PyThread_free_lock(self.ranges.all_ended)

    def divide(self, long ranges):
        """Make so many ranges of the rows, about the same size each. Before any thread calls the task."""
        self.ranges.ranges = self.ranges.left = ranges

    def offer(self, Py_ssize_t most):
        """Let up to so many threads that sit ready take ranges; return how many there are. Once, before `__call__`."""
        self.offers = offer_to_seats(&self.ranges, min(most, SEATS), self.made)
        return self.offers

    def __call__(self):
        cdef Progress progress
        with nogil:
            begin_progress(&progress, &self.ranges.stopped, False)
            take_ranges(&self.ranges, False, &progress)
            sit()


cdef inline bint is_shared(Py_ssize_t rows, double fmas) noexcept nogil:
    """Whether threads share work on so many rows."""
    return min_shared_fmas > 0 and rows >= MIN_SHARED_ROWS and fmas >= min_shared_fmas


cdef inline bint is_shared_now(Py_ssize_t rows, double fmas) noexcept nogil:
    """The same for less work, where a thread sits ready."""
    return (min_shared_fmas > 0 and rows >= MIN_SHARED_ROWS and fmas * SMALLER >= min_shared_fmas
            and atomic_load(&ready) > 0 and not 0 < atomic_load(&alone_until) - clock() <= ALONE_MILLISECONDS)


cdef int share(RangeFunction function, const void* context, Py_ssize_t rows, double fmas) except -1:
    """Do all rows on several threads. An exception in `split` stays set while those that have begun are waited for."""
    cdef Task task = Task()
    cdef object how = split, count = rows, work = <Py_ssize_t> fmas
    cdef PyObject* result
    cdef Progress progress
    cdef long process = forks
    cdef long long began, worked
    task.ranges.function, task.ranges.context, task.ranges.rows = function, context, rows
    begin_progress(&progress, &task.ranges.stopped, True)
    result = PyObject_CallFunctionObjArgs(<PyObject*> how, <PyObject*> task, <PyObject*> count, <PyObject*> work, NULL)
    if result == NULL:
        progress.raised, progress.looks = True, False
        atomic_add(&task.ranges.stopped, 1)
    else:
        decref(result)
    with nogil:
        began = microseconds()
        take_ranges(&task.ranges, True, &progress)
        worked = microseconds()
        wait_for_ranges(&task.ranges, &progress, process)
        take_back(task.made, task.offers, process)
        note_waiting(worked - began, worked)
    if progress.raised:
        return propagate()
    if forks != process:
        raise RuntimeError("cyrnn: the process was forked during this call, by a signal's handler: call again")
    if task.ranges.no_memory:
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
    if is_shared(rows, fmas) or is_shared_now(rows, fmas):
        return share(function, context, rows, fmas)
    return run_alone(function, context, rows, fmas >= RELEASE_GIL_FMAS)
