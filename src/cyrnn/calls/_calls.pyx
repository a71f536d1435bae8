# cython: freethreading_compatible=True, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: binding=False
"""One call, from Python's objects to kernels and back.

A call takes any objects. Where all are plain arrays of one dtype and of fitting shapes, the call checks, allocates,
packs, runs and builds its results here, in compiled code: a cell call on small arrays lasts about a microsecond, and
T_x cache tuples hold 7 T_x views, so that checks and views in Python would cost more than the arithmetic. For any other
argument the answer is None: a facade then makes the arguments plain, or says what is wrong with them, and calls again.

    plain.pxi           a caller's array, read once; containers out of the collector's sight
    environment.pxi     the floating-point environment, for facades
    context.pxi         the state of a call, and the slots of a cache tuple
    atomics.pxi         what compilers and systems call atomic operations, clocks and waiting
    memory.pxi          memory that is freed, kept by the process
    ranges.pxi          ranges of the rows of a call, pauses within them
    seats.pxi           where threads wait for the next call
    parallel.pxi        work shared among threads
    views.pxi           views of memory, tuples
    pauses.pxi          kernels' calls that may last, in blocks; between them signals are looked at
    panels.pxi          packed weights
    arguments.pxi       arrays and dicts of a call, checked and taken
    run.pxi             the kernels' calls, forward, and the memory that they work in
    results.pxi         the states and predictions of a sequence, as users have them
    caches.pxi          the notebook's cache tuples, built
    saved.pxi           the notebook's cache tuples, read for the backward pass
    products.pxi        backward pass: the products that follow the time loop
    backward.pxi        backward pass of the notebook's functions
    lengths.pxi         ragged batches: lengths, sorted; rows gathered and scattered
    positions.pxi       rows of an array with leading axes, and of a ragged batch those within
    tokens.pxi          tokens in the place of x: checked; the gradient of what they add
    layer_arguments.pxi what a layer of nn is called with
    resets.pxi          resets inside of sequences: flags, copied and put in the order of the run
    blocks.pxi          its forward pass, in place or some steps at a time
    record.pxi          its forward pass that keeps what the backward pass reads
    incoming.pxi        gradients that come in at its output and states
    compact.pxi         the rows that its products read
    layer_backward.pxi  its backward pass
    integers.pxi        matrices of integers, taken and packed
    sublayer.pxi        one layer of nn in one direction: its weights, its calls
    linear.pxi          a linear layer of nn: its weights, its calls
    embedding.pxi       rows of a matrix by their indices
    layer_norm.pxi      rows of an array, normalised
    losses.pxi          losses and their gradients, sums
    updates.pxi         steps of optimizers
    training.pxi        the calls of both, as Python has them
    elements.pxi        sigmoid, tanh and softmax of whole arrays
    cell_calls.pxi      the calls of a cell, as Python has them

`reference.py` has the same calls in NumPy, to read and to test against.
"""
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport Py_INCREF
from libc.math cimport signbit
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcpy, memmove, memset

from cyrnn.kernels.environment cimport Environment, enter_environment, leave_environment
from cyrnn.kernels.run cimport (
    BLOCK_ROWS, GROUP_ROWS, MAX_GATES, MAX_RIGHTS, MAX_UNPACKED_COLUMNS, SPLIT, Activation, BackwardRun,
    GateWeights, IntegerGate, IntegerSource, IntegerWeights, OuterRight, OuterSum, Resets as RunResets, Run, Table,
    TokenSum, Variant, real,
)
from cyrnn.kernels.run cimport (                   # of losses and optimizers
    ADAM, BINARY_CROSS_ENTROPY, HUBER, MAX_NUMBERS, MAX_STATE, RMSPROP, SGD, SQUARED_ERROR, CrossEntropy, ElementLoss,
    Update,
)

from cyrnn.calls.quantized import Quantized, in_two_planes, levels

cdef extern from "Python.h":
    bint PyDict_CheckExact(object d)
    PyObject* PyDict_GetItemWithError(object d, object key) except? NULL
    tuple PyTuple_New(Py_ssize_t n)
    int PyTuple_SetItem(tuple t, Py_ssize_t i, object item) except -1     # steals a reference
    list PyList_New(Py_ssize_t n)
    int PyList_SetItem(list t, Py_ssize_t i, object item) except -1       # steals a reference
    void incref "Py_INCREF" (PyObject* o)
    void decref "Py_DECREF" (PyObject* o)
    void PyObject_GC_UnTrack(PyObject* o)
    void PyObject_GC_Track(PyObject* o)
    bint PyObject_GC_IsTracked(PyObject* o)
    void Py_IncRef(PyObject* o)              # a function of CPython, which leaves the count of immortal objects alone

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyArray_Descr
    cnp.ndarray PyArray_NewFromDescr(PyTypeObject* subtype, PyArray_Descr* descr, int nd, const cnp.npy_intp* dims,
                                     const cnp.npy_intp* strides, void* data, int flags, PyObject* obj)
    int PyArray_SetBaseObject(cnp.ndarray arr, object base) except -1     # steals a reference
    cnp.ndarray PyArray_EMPTY(int nd, const cnp.npy_intp* dims, int typenum, int fortran)
    cnp.ndarray PyArray_ZEROS(int nd, const cnp.npy_intp* dims, int typenum, int fortran)
    PyArray_Descr* PyArray_DESCR(cnp.ndarray arr)
    PyArray_Descr* PyArray_DescrFromType(int typenum)                   # a new reference
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
    MAX_LANES = 16                       # elements of a vector, of any ISA and dtype
    PACK_COST_FMAS = 20                  # packing a vector costs about as much as these multiply-adds of vectors
    FRESH_BYTES = 1 << 25                # of weights from which on all pages that malloc brings are new: each vector
    PACK_FRESH_COST_FMAS = 100           # of them costs as much then
    TRANSPOSE_COST_FMAS = 4              # transposing a vector of W on its way to the sums, where it is in a cache
    CACHED_BYTES = 1 << 23               # of less than so many bytes
    COPY_COST_FMAS = 4                   # copying an element costs about as much
    RELEASE_GIL_FMAS = 100_000           # from here on, some 5 us, releasing the GIL is worth its price
    RELEASE_GIL_ELEMENTS = 10_000        # the same for functions of elements
    KEPT_BYTES = 31 << 20                # twice as much stays with the process; above 32 MiB glibc does not heed it
    CACHE_LINE_BYTES = 64
    UNITS_OF_GROUP = 16                  # units that no two threads share: whole panels, and lines of a cache
    HASTE = 4                            # work on units, for few columns or one step, is shared so much sooner
    MIN_SHARED_ROWS = 8                  # columns from which on threads share a call: twice threads.MIN_ROWS
    TRANSPOSE_BYTES = 1 << 20            # of x, transposed to time-major order at once
    INTEGER_BLOCK_ROWS = 48              # of x that a linear layer of integers has at once
    BLOCK_BYTES = 1 << 19                # of x and of hidden states that blocks.pxi has side by side at once

# of an array: counts of bytes stay within those of an address, 64 or (WebAssembly) 32
cdef double MAX_ELEMENTS = 2.0 ** 58 if sizeof(void*) == 8 else 2.0 ** 27

include "plain.pxi"
include "environment.pxi"
include "context.pxi"
include "atomics.pxi"
include "memory.pxi"
include "ranges.pxi"
include "seats.pxi"
include "parallel.pxi"
include "views.pxi"
include "pauses.pxi"
include "panels.pxi"
include "arguments.pxi"
include "run.pxi"
include "results.pxi"
include "caches.pxi"
include "saved.pxi"
include "products.pxi"
include "backward.pxi"
include "lengths.pxi"
include "positions.pxi"
include "tokens.pxi"
include "layer_arguments.pxi"
include "resets.pxi"
include "blocks.pxi"
include "record.pxi"
include "incoming.pxi"
include "compact.pxi"
include "layer_backward.pxi"
include "integers.pxi"
include "sublayer.pxi"
include "linear.pxi"
include "embedding.pxi"
include "layer_norm.pxi"
include "losses.pxi"
include "updates.pxi"
include "training.pxi"
include "elements.pxi"
include "cell_calls.pxi"
