# cython: freethreading_compatible=True, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One call, from Python's objects to kernels and back.

A call takes any objects. Where all are plain arrays of one dtype and of fitting shapes, the call checks, allocates, packs,
runs and builds its results here, in compiled code: a cell call on small arrays lasts about a microsecond, and T_x cache
tuples hold 7 T_x views, so that checks and views in Python would cost more than the arithmetic. For any other argument
the answer is None: a facade then makes the arguments plain, or says what is wrong with them, and calls again.

    context.pxi         the state of a call, and the slots of a cache tuple
    parallel.pxi        work shared among threads
    views.pxi           views of memory, tuples
    panels.pxi          packed weights
    arguments.pxi       arrays and dicts of a call, checked and taken
    run.pxi             the kernels' calls, forward, and the memory that they work in
    caches.pxi          the notebook's cache tuples, built
    saved.pxi           the notebook's cache tuples, read for the backward pass
    products.pxi        backward pass: the products that follow the time loop
    backward.pxi        backward pass of the notebook's functions
    lengths.pxi         ragged batches: lengths, sorted; rows gathered and scattered
    layer_arguments.pxi what a layer of nn is called with
    blocks.pxi          its forward pass, in place or some steps at a time
    record.pxi          its forward pass that keeps what the backward pass reads
    incoming.pxi        gradients that come in at its output and states
    layer_backward.pxi  its backward pass
    sublayer.pxi        one layer of nn in one direction: its weights, its calls
    elements.pxi        sigmoid, tanh and softmax of whole arrays

`reference.py` has the same calls in NumPy, to read and to test against.
"""
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove, memset

from cyrnn.kernels.run cimport MAX_GATES, MAX_UNPACKED_COLUMNS, BackwardRun, GateWeights, Run, Table, real

cdef extern from "Python.h":
    bint PyDict_CheckExact(object d)
    PyObject* PyDict_GetItemWithError(object d, object key) except? NULL
    tuple PyTuple_New(Py_ssize_t n)
    int PyTuple_SetItem(tuple t, Py_ssize_t i, object item) except -1     # steals a reference
    list PyList_New(Py_ssize_t n)
    int PyList_SetItem(list t, Py_ssize_t i, object item) except -1       # steals a reference
    void incref "Py_INCREF" (PyObject* o)
    void decref "Py_DECREF" (PyObject* o)
    void Py_IncRef(PyObject* o)              # a function of CPython, which leaves the count of immortal objects alone

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyArray_Descr
    cnp.ndarray PyArray_NewFromDescr(PyTypeObject* subtype, PyArray_Descr* descr, int nd, const cnp.npy_intp* dims,
                                     const cnp.npy_intp* strides, void* data, int flags, PyObject* obj)
    int PyArray_SetBaseObject(cnp.ndarray arr, object base) except -1     # steals a reference
    cnp.ndarray PyArray_EMPTY(int nd, const cnp.npy_intp* dims, int typenum, int fortran)
    cnp.ndarray PyArray_ZEROS(int nd, const cnp.npy_intp* dims, int typenum, int fortran)
    PyArray_Descr* PyArray_DESCR(cnp.ndarray arr)
    bint PyArray_CheckExact(object a)
    bint PyArray_ISBEHAVED_RO(cnp.ndarray a)
    bint PyArray_ISINTEGER(cnp.ndarray a)

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
    MAX_SLOTS = 16                       # entries of a cache tuple
    MAX_STATES = 2
    MAX_HELD = 3 * MAX_GATES + 2
    PACK_COST_FMAS = 20                  # packing a vector costs about as much as these multiply-adds of vectors
    RELEASE_GIL_FMAS = 100_000           # from here on, some 5 us, releasing the GIL is worth its price
    RELEASE_GIL_ELEMENTS = 10_000        # the same for functions of elements
    CACHE_LINE_BYTES = 64
    MIN_SHARED_ROWS = 8                  # columns from which on threads share a call: twice threads.MIN_ROWS
    TRANSPOSE_BYTES = 1 << 20            # of x, transposed to time-major order at once
    BLOCK_BYTES = 1 << 19                # of x and of hidden states that blocks.pxi has side by side at once

cdef double MAX_ELEMENTS = 2.0 ** 58     # of an array: counts of bytes stay within 64 bits

include "context.pxi"
include "parallel.pxi"
include "views.pxi"


cdef class CellCalls:
    """The calls of one cell."""

    cdef object cell
    cdef object packed       # the class of parameters that are packed already
    cdef int number, gates, states, stored_gates, slots
    cdef int kind[MAX_SLOTS]                # of each slot of the cache,
    cdef int index[MAX_SLOTS]               # and which of that kind
    cdef tuple keys          # per gate: W_x, W_a, b
    cdef bint stacked        # W_x and W_a are columns of one matrix
    cdef bint has_x[MAX_GATES]              # whether a gate has an input half,
    cdef bint has_a[MAX_GATES]              # a recurrent half
    cdef int stage[MAX_GATES]
    cdef int stages, recomputed, skip_gradients     # how many there are; recomputed: gates without an input half
    cdef object W_y, b_y
    cdef tuple gradients     # the keys of all gradients of weights, as users see them, with the parameter's columns
    cdef tuple gradient_keys  # per gate: dW_x, dW_a, db
    cdef tuple initial_keys, previous_keys  # the gradients of the states before a sequence, before a step
    cdef const Table* f32
    cdef const Table* f64

    def __init__(self, cell, int number, f32, f64, packed):
        self.cell = cell
        self.packed = packed
        self.number = number
        self.gates = len(cell.gates)
        self.states = len(cell.states)
        self.slots = len(cell.cache)
        if self.gates > MAX_GATES or self.states > MAX_STATES or self.slots > MAX_SLOTS:
            raise ValueError(f"cyrnn: {cell.name} has more gates, states or cache entries than the kernels foresee")
        self.keys = tuple((gate.W_x or gate.W_a, gate.W_a or gate.W_x, gate.b) for gate in cell.gates)
        self.gradient_keys = tuple(tuple("d" + key for key in keys) for keys in self.keys)
        self.gradients = tuple(("d" + key, shape[1]) for key, shape in cell.shapes.items()
                               if key not in (cell.W_y, cell.b_y))
        self.stages, self.recomputed = len(cell.stages), len(cell.recomputed)
        self.skip_gradients = len(cell.skip_gradients)
        for i, gate in enumerate(cell.gates):
            self.has_x[i], self.has_a[i] = gate.W_x is not None, gate.W_a is not None
            self.stage[i] = [gate in stage.gates for stage in cell.stages].index(True)
        self.initial_keys = tuple(f"d{state}0" for state in cell.states)
        self.previous_keys = tuple(f"d{state}_prev" for state in cell.states)
        self.stacked = cell.stacked
        self.W_y, self.b_y = cell.W_y, cell.b_y
        self.f32 = <const Table*> PyCapsule_GetPointer(f32, "cyrnn.kernels.table")
        self.f64 = <const Table*> PyCapsule_GetPointer(f64, "cyrnn.kernels.table")
        self.stored_gates = len(cell.stored_gates)
        for i, name in enumerate(cell.cache):
            self.kind[i], self.index[i] = slot_of(cell, name)

    def step(self, xt, tuple initial, parameters, return_caches, tuple given=None):
        """Return (*next states, y, cache) for xt (n_x, m) and initial states (n_a, m); or None.

        `given`: (xt, initial, parameters) as a caller has them, which stand in the cache.
        """
        return run_step(self, xt, initial, parameters, return_caches, given or (xt, initial, parameters))

    def sequence(self, x, tuple initial, parameters, return_caches, tuple given=None):
        """Return (a, y, *other states, caches) for x (n_x, m, T_x) and initial states (n_a, m); or None.

        An initial state but the first may be None, for zeros. `given`: (x, initial, parameters, x as an array of any
        class and dtype, whose steps stand in the caches) as a caller has them.
        """
        return run_sequence(self, x, initial, parameters, return_caches, given or (x, initial, parameters, None))

    def backward(self, da, caches, dc=None):
        """Return the gradients for da (n_a, m, T), the caches of a sequence, and dc (n_a, m) or None; or None."""
        if type(caches) is not tuple or len(<tuple> caches) != 2 or type((<tuple> caches)[0]) is not list:
            return None
        return gradients(self, da, tuple(<list> (<tuple> caches)[0]), dc, False)

    def backward_step(self, da_next, cache, dc_next=None):
        """Return the gradients for da_next (n_a, m), the cache of a step, and dc_next (n_a, m) or None; or None."""
        return gradients(self, da_next, (cache,), dc_next, True)

    def pack(self, dict arrays):
        """Return the weights of the notebook's `arrays`, plain and of one dtype, packed with their head; or None."""
        return pack_parameters(self, arrays)

    def sublayer(self, W_x, W_a, b, W_hr, tuple blocks, Py_ssize_t index, Py_ssize_t count, Py_ssize_t directions,
                 bint single_step):
        """Return one layer of nn in one direction, or nn's cell (sublayer.pxi)."""
        return Sublayer(self, (W_x, W_a, b, W_hr), blocks, index, count, directions, single_step)


include "panels.pxi"
include "arguments.pxi"
include "run.pxi"
include "caches.pxi"
include "saved.pxi"
include "products.pxi"
include "backward.pxi"
include "lengths.pxi"
include "layer_arguments.pxi"
include "blocks.pxi"
include "record.pxi"
include "incoming.pxi"
include "layer_backward.pxi"
include "sublayer.pxi"
include "elements.pxi"
