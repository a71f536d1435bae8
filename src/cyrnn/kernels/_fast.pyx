# cython: freethreading_compatible=True, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A whole call of the notebook's in compiled code, for arguments that are as expected.

A cell call on small arrays lasts about a microsecond, and a cache of T_x tuples holds 7 T_x views: in Python the
checks and the views would cost more than the arithmetic. So the calls here take any object, and where all are plain
arrays of one dtype and of fitting shapes they check, allocate, run and build the cache at once. Anything else gives
None: then the general path (notebook/general.py, _check.py) converts the arguments, or says what is wrong with them.

`sequence.py` and `notebook/` are the readable twin; the tests hold the two together.
"""
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from cyrnn.kernels.run cimport MAX_UNPACKED_COLUMNS, MAX_GATES, BackwardRun, GateWeights, Run, Table, real

cdef extern from "Python.h":
    bint PyDict_CheckExact(object d)
    PyObject* PyDict_GetItemWithError(object d, object key) except? NULL
    tuple PyTuple_New(Py_ssize_t n)
    int PyTuple_SetItem(tuple t, Py_ssize_t i, object item) except -1     # takes over a reference
    list PyList_New(Py_ssize_t n)
    int PyList_SetItem(list t, Py_ssize_t i, object item) except -1       # likewise
    void hold "Py_INCREF" (PyObject* o)
    void let_go "Py_DECREF" (PyObject* o)
    void Py_IncRef(PyObject* o)              # a call into CPython, which knows objects whose count must not change

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyArray_Descr
    cnp.ndarray PyArray_NewFromDescr(PyTypeObject* subtype, PyArray_Descr* descr, int nd, const cnp.npy_intp* dims,
                                     const cnp.npy_intp* strides, void* data, int flags, PyObject* obj)
    int PyArray_SetBaseObject(cnp.ndarray arr, object base) except -1     # takes over a reference
    cnp.ndarray PyArray_EMPTY(int nd, const cnp.npy_intp* dims, int typenum, int fortran)
    cnp.ndarray PyArray_ZEROS(int nd, const cnp.npy_intp* dims, int typenum, int fortran)
    PyArray_Descr* PyArray_DESCR(cnp.ndarray arr)
    bint PyArray_CheckExact(object a)
    bint PyArray_ISBEHAVED_RO(cnp.ndarray a)

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define FREE_THREADED 1
    #else
    #define FREE_THREADED 0
    #endif
    """
    bint FREE_THREADED

cnp.import_array()

cdef enum:
    MOST_CACHE = 16          # places of a cache tuple
    MOST_STATES = 4
    MOST_HELD = 3 * MAX_GATES + 2
    TURN = 20                # packing a vector costs about as much as this many multiply-adds on vectors
    LONG = 100_000           # multiply-adds from which on the GIL is worth releasing: some 5 us
    SHORT = 10_000           # elements up to which the GIL is kept, likewise
    SPARE = 64               # bytes, for starting on a cache line
    SHARED = 8               # columns from which on threads may share a call: twice threads.LEAST_ROWS
    TURNED = 1 << 20         # bytes of x that are turned to time-major order at once

cdef double MOST_ELEMENTS = 2.0 ** 58

include "fast_job.pxi"

cdef double most_work = 0    # multiply-adds from which on threads share a call, 0: never
cdef object split = None     # threads.split


def share_above(double work, how):
    """Let how(run, rows, multiply-adds) divide calls of that many multiply-adds, or more, among threads; 0: none."""
    global most_work, split
    most_work, split = work, how


cdef class Fast:
    """The calls of one cell."""

    cdef object cell, packed
    cdef int number, gates, states, kept, places
    cdef int kind[MOST_CACHE]
    cdef int index[MOST_CACHE]
    cdef tuple keys          # per gate: W_x, W_a, b
    cdef bint stacked        # W_x and W_a stand in one matrix
    cdef bint has_x[MAX_GATES]     # whether a gate has an input half,
    cdef bint has_a[MAX_GATES]     # a recurrent half
    cdef int stage[MAX_GATES]
    cdef int stages, again, carried  # how many: stages, gates without an input half, carried gradients
    cdef object W_y, b_y
    cdef tuple gradients     # the keys of all gradients of weights, as users see them, with the parameter's shape
    cdef tuple gradient_keys  # per gate: dW_x, dW_a, db
    cdef tuple starts, ends  # the gradients of the states before a sequence, before a step
    cdef const Table* f32
    cdef const Table* f64

    def __init__(self, cell, int number, f32, f64, packed):
        self.cell = cell
        self.packed = packed
        self.number = number
        self.gates = len(cell.gates)
        self.states = len(cell.states)
        self.places = len(cell.cache)
        if self.gates > MAX_GATES or self.states > MOST_STATES or self.places > MOST_CACHE:
            raise ValueError(f"cyrnn: {cell.name} has more gates, states or cache entries than the kernels foresee")
        self.keys = tuple((gate.W_x or gate.W_a, gate.W_a or gate.W_x, gate.b) for gate in cell.gates)
        self.gradient_keys = tuple(tuple("d" + key for key in keys) for keys in self.keys)
        self.gradients = tuple(("d" + key, shape[1]) for key, shape in cell.shapes.items()
                               if key not in (cell.W_y, cell.b_y))
        self.stages, self.again, self.carried = len(cell.stages), len(cell.again), len(cell.carried)
        for i, gate in enumerate(cell.gates):
            self.has_x[i], self.has_a[i] = gate.W_x is not None, gate.W_a is not None
            self.stage[i] = [gate in stage.gates for stage in cell.stages].index(True)
        self.starts = tuple(f"d{state}0" for state in cell.states)
        self.ends = tuple(f"d{state}_prev" for state in cell.states)
        self.stacked = cell.stacked
        self.W_y, self.b_y = cell.W_y, cell.b_y
        self.f32 = <const Table*> PyCapsule_GetPointer(f32, "cyrnn.kernels.table")
        self.f64 = <const Table*> PyCapsule_GetPointer(f64, "cyrnn.kernels.table")
        self.kept = len(cell.stored_gates)
        for i, name in enumerate(cell.cache):
            self.kind[i], self.index[i] = place(cell, name)

    # ---- the calls ----------------------------------------------------------------------------------------------

    def step(self, xt, tuple initial, parameters, return_caches):
        """Return (*next states, y, cache) for xt (n_x, m) and initial states (n_a, m); or None."""
        cdef Job job
        cdef Run* run = &job.run
        cdef Py_ssize_t i, size, kept = self.kept if return_caches else 0
        cdef cnp.npy_intp dims[2]
        cdef cnp.ndarray values, y
        cdef PyObject* previous[MOST_STATES]
        cdef PyObject* following[MOST_STATES]
        cdef tuple results
        cdef object owned = own(parameters)
        try:
            if not take_input(self, &job, xt, 2) or not take_parameters(self, &job, owned):
                return None
            if not take_states(self, &job, initial, False) or not choose(self, &job):
                return None
            # small arrays cost more than small steps: next states and gates are views of one block, or the block
            size = run.m * run.n_a
            dims[0], dims[1] = (self.states + kept) * run.n_a, run.m
            values = PyArray_EMPTY(2, dims, job.typenum, job.column != job.item)
            dims[0] = run.n_y
            y = PyArray_EMPTY(2, dims, job.typenum, job.y_column != job.item)
            run.batch, run.state_stride_t = run.m, 0
            run.states = <real*> cnp.PyArray_DATA(values)
            run.state_stride = size
            run.gates = <real*> (<char*> cnp.PyArray_DATA(values) + self.states * size * job.item) if kept else NULL
            run.y = <real*> cnp.PyArray_DATA(y)
            _start = start_at(self, &job, initial)          # lives until the step is done
            execute(&job, owned)
            results = PyTuple_New(self.states + 2)
            for i in range(self.states):
                state = values if self.states + kept == 1 else state_at(self, &job, values, i * size)
                following[i] = <PyObject*> state
                previous[i] = <PyObject*> initial[i]
                give(results, i, state)
            give(results, self.states, y)
            give(results, self.states + 1, cache(self, &job, values, self.states * size, xt, previous, following,
                                                 parameters) if return_caches else None)
            return results
        finally:
            release(&job)

    def sequence(self, x, tuple initial, parameters, return_caches):
        """Return (a, y, *other states, caches) for x (n_x, m, T_x) and initial states (n_a, m); or None."""
        cdef Job job
        cdef Run* run = &job.run
        cdef Py_ssize_t i, kept = self.kept if return_caches else 0
        cdef cnp.npy_intp dims[4]
        cdef cnp.ndarray y, states, gates = None
        cdef tuple results
        cdef object owned = own(parameters)
        try:
            if not take_input(self, &job, x, 3) or not take_parameters(self, &job, owned):
                return None
            if not take_states(self, &job, initial, True) or not choose(self, &job):
                return None
            states = start_of_sequence(self, &job, initial)
            dims[0], dims[1], dims[2], dims[3] = run.T, run.n_y, run.m, run.n_a
            y = PyArray_EMPTY(3, dims, job.typenum, 0)
            run.y = <real*> cnp.PyArray_DATA(y)
            if kept:
                dims[1] = kept
                gates = PyArray_EMPTY(4, dims, job.typenum, 0)
                run.gates = <real*> cnp.PyArray_DATA(gates)
            execute(&job, owned)
            results = PyTuple_New(self.states + 2)
            give(results, 0, whole(self, &job, states, 0))
            give(results, 1, whole_y(self, &job, y))
            for i in range(1, self.states):
                give(results, i + 1, whole(self, &job, states, i))
            give(results, self.states + 1,
                 (caches(self, &job, states, gates, x, initial, parameters), x) if return_caches else None)
            return results
        finally:
            release(&job)

    def advance(self, panels, x, states):
        """Return the states (S, m, n_a) one step after `states`, for x (m, n_x); or None. No head, no cache."""
        cdef Job job
        cdef Run* run = &job.run
        cdef cnp.npy_intp dims[3]
        cdef cnp.ndarray out
        if not take_rows(self, &job, panels, x, 2):
            return None
        dims[0], dims[1], dims[2] = self.states, run.m, run.n_a
        if not is_block(states, &job, dims):
            return None
        out = PyArray_EMPTY(3, dims, job.typenum, 0)
        run.batch, run.state_stride_t = run.m, 0
        run.initial = <const real*> cnp.PyArray_DATA(<cnp.ndarray> states)
        run.states = <real*> cnp.PyArray_DATA(out)
        run.initial_state_stride = run.state_stride = run.m * run.n_a
        run.gates = NULL
        in_parts(states_part, &job, 1, work_of(&job))
        return out

    def layer(self, panels, bint cell, Py_ssize_t count, Py_ssize_t place):
        """Return these panels as a layer, or as a cell, that is called as torch.nn calls it (fast_layer.pxi)."""
        return Layer(self, panels, cell, count, place)

    def backward(self, da, caches, dc):
        """Return the gradients for da (n_a, m, T), the caches of a sequence, and dc (n_a, m) or None; or None."""
        if type(caches) is not tuple or len(<tuple> caches) != 2 or type((<tuple> caches)[0]) is not list:
            return None
        return gradients(self, da, tuple(<list> (<tuple> caches)[0]), dc, False)

    def backward_step(self, da_next, cache, dc_next):
        """Return the gradients for da_next (n_a, m), the cache of a step, and dc_next (n_a, m) or None; or None."""
        return gradients(self, da_next, (cache,), dc_next, True)


include "fast_take.pxi"
include "fast_parts.pxi"
include "fast_run.pxi"
include "fast_views.pxi"
include "fast_caches.pxi"
include "fast_back.pxi"
include "fast_elements.pxi"
include "fast_layer.pxi"
include "fast_ragged.pxi"
