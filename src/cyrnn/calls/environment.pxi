"""The default floating-point environment, for the little that facades compute in NumPy: see environment.h."""

cdef class DefaultEnvironment:
    """A context in which this thread computes in the default environment; then its own is put back."""

    cdef Environment before

    def __enter__(self):
        self.before = enter_environment()

    def __exit__(self, *_):
        leave_environment(self.before)
