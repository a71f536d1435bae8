"""Seats, where threads wait for the next call.

A thread that has just worked waits for more in a seat, without a GIL, before it goes back to Python: from there it
takes 50 us to come, from its seat one. In a virtual machine it may take milliseconds, call after call: Linux takes a
core that sleeps for one that another guest has, and wakes the thread on that of the calling one (Linux 6.18,
2026-11-29). A thread that sits is moved to another core, and lets others have the core that it is on. What is offered
to a seat can be taken back until the thread has begun; so a thread without a core holds nobody up.
"""

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


cdef struct Seat:
    # where a thread waits: on cache lines of its own
    long says                # Attendance, and the number of the offer
    Ranges* offered
    char apart[128]


cdef struct Offer:
    Seat* seat
    long number


cdef Seat seats[SEATS]
cdef long ready = 0          # how many threads sit, at work or not
cdef long numbers = 0        # how many offers there were
cdef long alone_until = 0    # by `clock`


def seated():
    """Return how many threads sit ready, or were called from there."""
    return atomic_load(&ready)


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
                take_ranges(seat.offered, False, &progress)
                atomic_replace(&seat.says, says - OFFERED + AT_WORK, READY)
                since = microseconds()
        elif pauses % PAUSES == 0:
            yield_core()
            if not since <= microseconds() < since + SEATED_MICROSECONDS and atomic_replace(&seat.says, READY, EMPTY):
                atomic_add(&ready, -1)
                return
        pauses += 1
        relax()


cdef Py_ssize_t offer_to_seats(Ranges* ranges, Py_ssize_t most, Offer* made) noexcept nogil:
    """Offer ranges to up to so many threads that sit ready; return how many there are."""
    cdef Py_ssize_t i = 0, offers = 0
    cdef Seat* seat
    cdef long number
    while i < SEATS and offers < most and atomic_load(&ready) > 0:
        seat = &seats[i]
        number = ((atomic_add(&numbers, 1) & 0xfffffff) + 1) * ONE_OFFER
        # AT_WORK first: neither the thread nor another call takes the seat until all is said
        if atomic_load(&seat.says) == READY and atomic_replace(&seat.says, READY, number + AT_WORK):
            seat.offered = ranges
            atomic_replace(&seat.says, number + AT_WORK, number + OFFERED)
            made[offers] = Offer(seat, number)
            offers += 1
        i += 1
    return offers


cdef void take_back(const Offer* made, Py_ssize_t offers, long process) noexcept nogil:
    """Wait for the threads that have seen an offer; the others will not see it any more."""
    cdef Py_ssize_t i, pauses = 0
    cdef long* says
    for i in range(offers):
        says = &made[i].seat.says
        if atomic_replace(says, made[i].number + OFFERED, READY):
            continue
        while atomic_load(says) == made[i].number + AT_WORK and forks == process:
            relax()
            pauses += 1
            if pauses % PAUSES == 0:             # it has lost its core just before it was through
                yield_core()


cdef inline long clock() noexcept nogil:
    """Milliseconds of today, or so: they fit in any long."""
    return <long> (microseconds() // 1000 & 0x3fffffff)


cdef inline void note_waiting(long long worked, long long since) noexcept nogil:
    """Let small calls be for a while, if this one has waited for others for long: they have not a core each."""
    cdef long long now = microseconds()
    if now - since > worked + HELD_UP_MICROSECONDS:
        atomic_replace(&alone_until, atomic_load(&alone_until), clock() + ALONE_MILLISECONDS)
