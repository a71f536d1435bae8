"""Work that threads may share: ranges of rows. A column of the batch is a row (n,) of memory, too.

A range works on memory of the call it belongs to: addresses on its stack, and arrays that go when the call ends. So no
call ends while one of its ranges runs, and none begins after. Whatever happens meanwhile, a signal, an exception in
Python, memory that is short, a thread that cannot be started or that died: the calling thread takes all ranges that
nobody has taken, lets those that were begun know that they may stop, and waits for them.

A thread that has just worked waits for more in a seat, without a GIL, before it goes back to Python: from there it
takes 50 us to come, from its seat one. In a virtual machine it may take milliseconds, call after call: Linux takes a
core that sleeps for one that another guest has, and wakes the thread on that of the calling one (Linux 6.18,
2026-11-29). A thread that sits is moved to another core, and lets others have the core that it is on. What is offered
to a seat can be taken back until the thread has begun; so a thread without a core holds nobody up.

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

cdef enum Attendance:
    # the last two bits of what a seat says; the others are the number of the offer
    EMPTY = 0                # of a seat without a thread
    READY = 1                # whose thread waits for an offer
    OFFERED = 2              # made to it, which it has not seen yet
    AT_WORK = 3
    ONE_OFFER = 4

cdef enum:
    SEATS = 64               # as many threads wait at most
    SEATED_MICROSECONDS = 5000
    PAUSES = 50              # between two looks at the clock, some microseconds
    HELD_UP_MICROSECONDS = 200  # a call has waited so much longer for others than it worked: cores are busy,
    ALONE_MILLISECONDS = 20  # and for so long small calls are not shared
    SMALLER = 3              # threads.SEATED over threads.CALLED: so much less work is worth a thread that sits ready

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
        struct timespec now;
    #ifdef _WIN32
        timespec_get(&now, TIME_UTC);
    #else
        clock_gettime(CLOCK_MONOTONIC, &now);
    #endif
        return (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000;
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

cdef double min_shared_fmas = 0   # multiply-adds from which on threads share a call, 0: never
cdef object split = None          # threads.split
cdef unsigned long main_thread = 0   # whose signals are looked at; 0: not known yet
cdef long forks = 0               # how often this process was forked from another, with that thread alone


def begin_process(unsigned long ident):
    """Note the main thread, at import and in the child of a fork."""
    global main_thread, forks, ready
    main_thread = ident
    forks += 1
    ready = 0
    memset(seats, 0, sizeof(seats))


def seated():
    """Return how many threads sit ready, or were called from there."""
    return atomic_load(&ready)


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
    # of a call, for whichever threads come: each takes the next that nobody has, until none is left
    RangeFunction function
    const void* context
    Py_ssize_t rows, ranges
    long taken               # how many ranges threads have taken, or tried to
    long left                # how many have not ended
    long stopped             # not 0: those that begin are left out
    long no_memory           # how many failed for want of memory
    void* all_ended          # a lock that the end of the last range opens


cdef struct Seat:
    # where a thread waits: on cache lines of its own
    long says                # Attendance, and the number of the offer
    Ranges* offered
    char apart[128]


cdef struct Offer:
    Seat* seat
    long number


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
        """Let up to so many threads that sit ready take ranges; return how many there are."""
        cdef Py_ssize_t i = 0
        cdef Seat* seat
        cdef long number
        while i < SEATS and self.offers < most and atomic_load(&ready) > 0:
            seat = &seats[i]
            number = ((atomic_add(&offers, 1) & 0xfffffff) + 1) * ONE_OFFER
            # AT_WORK first: neither the thread nor another call takes the seat until all is said
            if atomic_load(&seat.says) == READY and atomic_replace(&seat.says, READY, number + AT_WORK):
                seat.offered = &self.ranges
                atomic_replace(&seat.says, number + AT_WORK, number + OFFERED)
                self.made[self.offers] = Offer(seat, number)
                self.offers += 1
            i += 1
        return self.offers

    def __call__(self):
        cdef Progress progress
        with nogil:
            begin_progress(&progress, &self.ranges.stopped, False)
            take_ranges(&self.ranges, &progress)
            sit()


cdef Seat seats[SEATS]
cdef long ready = 0          # how many threads sit, at work or not
cdef long offers = 0         # how many there were
cdef long alone_until = 0    # by `clock`


cdef void sit() noexcept nogil:
    """Take what is offered, until nothing has come for a while."""
    cdef Seat* seat = NULL
    cdef Progress progress
    cdef long says
    cdef Py_ssize_t i = 0, pauses = 0
    cdef long long since
    while i < SEATS and seat == NULL:
        if atomic_load(&seats[i].says) == EMPTY and atomic_replace(&seats[i].says, EMPTY, READY):
            seat = &seats[i]
        i += 1
    if seat == NULL:
        return
    atomic_add(&ready, 1)
    since = microseconds()
    while True:
        says = atomic_load(&seat.says)
        if says % ONE_OFFER == OFFERED:
            if atomic_replace(&seat.says, says, says - OFFERED + AT_WORK):
                begin_progress(&progress, &seat.offered.stopped, False)
                take_ranges(seat.offered, &progress)
                atomic_replace(&seat.says, says - OFFERED + AT_WORK, READY)
                since = microseconds()
        elif pauses % PAUSES == 0:
            yield_core()
            if not since <= microseconds() < since + SEATED_MICROSECONDS and atomic_replace(&seat.says, READY, EMPTY):
                atomic_add(&ready, -1)
                return
        pauses += 1
        relax()


cdef void take_back(Task task, long process) noexcept nogil:
    """Wait for the threads that have seen an offer; the others will not see it any more."""
    cdef Py_ssize_t i, pauses = 0
    cdef Offer* made
    for i in range(task.offers):
        made = &task.made[i]
        if atomic_replace(&made.seat.says, made.number + OFFERED, READY):
            continue
        while atomic_load(&made.seat.says) == made.number + AT_WORK and forks == process:
            relax()
            pauses += 1
            if pauses % PAUSES == 0:             # it has lost its core just before it was through
                yield_core()


cdef void take_ranges(Ranges* task, Progress* progress) noexcept nogil:
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


cdef void wait_for_ranges(Ranges* task, Progress* progress, long process) noexcept nogil:
    """Wait until the ranges that other threads took have ended: soon, if a signal stops them.

    Not in the child of a fork, which a signal's handler may have made: the other threads are not in it.
    """
    while atomic_add(&task.left, 0) > 0 and forks == process:
        if PyThread_acquire_lock_timed(task.all_ended, LOOK_MILLISECONDS * 500, 0) == 0:
            pause(progress)


cdef inline bint is_shared(Py_ssize_t rows, double fmas) noexcept nogil:
    """Whether threads share work on so many rows."""
    return min_shared_fmas > 0 and rows >= MIN_SHARED_ROWS and fmas >= min_shared_fmas


cdef inline long clock() noexcept nogil:
    """Milliseconds of today, or so: they fit in any long."""
    return <long> (microseconds() // 1000 & 0x3fffffff)


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
        take_ranges(&task.ranges, &progress)
        worked = microseconds()
        wait_for_ranges(&task.ranges, &progress, process)
        take_back(task, process)
        note_waiting(worked - began, worked)
    if progress.raised:
        return propagate()
    if forks != process:
        raise RuntimeError("cyrnn: the process was forked during this call, by a signal's handler: call again")
    if task.ranges.no_memory:
        raise MemoryError("cyrnn: no memory for the work area")
    return 0


cdef inline void note_waiting(long long worked, long long since) noexcept nogil:
    """Let small calls be for a while, if this one has waited for others for long: they have not a core each."""
    cdef long long now = microseconds()
    if now - since > worked + HELD_UP_MICROSECONDS:
        atomic_replace(&alone_until, atomic_load(&alone_until), clock() + ALONE_MILLISECONDS)


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
