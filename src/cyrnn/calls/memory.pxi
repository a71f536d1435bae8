"""Memory that calls free stays with the process, so that the next call does not fetch it anew.

glibc gives what is free at the end of its heap back to the system, once it is more than 128 KiB or twice the largest
block that was mapped by itself and freed. A step of training frees some megabytes and needs them again in the next,
whose pages the system then clears and maps one by one: as much time as the arithmetic of an LSTM of 64 units. A block
that is freed untouched has glibc keep as much as if the process had ever freed an array of that size. Who sets
MALLOC_TRIM_THRESHOLD_, or another of glibc's variables, says himself what is kept.
"""

cdef extern from *:
    """
    #ifdef __GLIBC__
    static void cyrnn_free_untouched(size_t size) {
        void *volatile block = malloc(size);  /* volatile: a compiler leaves out a block that nobody reads */
        free(block);
    }
    #else
    static void cyrnn_free_untouched(size_t size) { (void)size; }
    #endif
    """
    void free_untouched "cyrnn_free_untouched" (size_t size) noexcept

cdef long _freed_is_kept = 0


cdef void keep_freed_memory() noexcept:
    """In a process's first backward pass."""
    if atomic_load(&_freed_is_kept) == 0 and atomic_replace(&_freed_is_kept, 0, 1):
        free_untouched(KEPT_BYTES)
