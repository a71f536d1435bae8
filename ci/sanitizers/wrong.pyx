# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Faults made on purpose, for run.sh: each function but the first has one, and the sanitizers must see it."""
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from *:
    """
    #include <stdint.h>
    static int sum(int a, int b) { return a + b; }
    static int shifted(int a, int n) { return a << n; }
    """
    int sum(int a, int b)
    int shifted(int a, int n)


def element(const float[::1] x, Py_ssize_t i):
    return x[i]


def nothing():
    """No fault at all: a check that complains about this one is broken."""
    assert element(np.ones(3, np.float32), 2) == 1
    assert sum(2**31 - 2, 1) == 2**31 - 1
    assert shifted(1, 30) == 2**30


def read_past_the_end():
    return element(np.ones(3, np.float32), 3)


def write_before_the_beginning():
    cdef float[::1] x = np.ones(3, np.float32)
    cdef Py_ssize_t i = -1
    x[i] = 0


def read_after_free():
    cdef float* x = <float*> malloc(3 * sizeof(float))
    x[0] = 1
    free(x)
    return x[0]


def overflow():
    return sum(2**31 - 1, 1)


def shift_into_the_sign():
    return shifted(1, 31)


def load_misaligned():
    cdef char memory[16]
    cdef char* start = memory
    start += 1 if <size_t> start % 2 == 0 else 0
    return (<int*> start)[0]
