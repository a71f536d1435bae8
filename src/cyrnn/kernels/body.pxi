"""Every formula of the compiled kernels, in reading order. Each `_isa_*.pyx` is this file, compiled once more.

    activations.pxi     exp, tanh, sigmoid
    elements.pxi        rows that end within a vector, and whole arrays
    matmul.pxi          packed products, canonical order
    panels.pxi          how matrices are packed for them
    multiply.pxi        rows times a packed matrix
    pointwise.pxi       the arguments of the cells' functions
    ../cells/rnn.pxi    pointwise and its derivative, one stem per cell
    ../cells/lstm.pxi
    ../cells/gru.pxi
    registry.pxi        the cells by number
    weights.pxi         the weights of a whole cell, packed
    input_projection.pxi  the input half of every chain, hoisted out of the time loop
    interleaved.pxi     or interleaved with it
    forward.pxi         the time loop
    backward.pxi        the backward pass, and the weight gradients
    head.pxi            softmax, and y = softmax(Wy a + by)
    unpacked_batch.pxi  the same without packing, for short runs
    unpacked_step.pxi   and for a step of few columns
    table.pxi           the table of functions, for compiled callers

What is compiled is one dtype (`real`) for one ISA: lanes.h says which.
"""
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from cyrnn.kernels.lanes cimport (
    LANES, MAX_LANES, TILE_ROWS, as_bits, as_real, bits, fma, isplat, ivec, max_, less, load, load_first, mask, select,
    min_, splat, store, store_first, transpose, vec,
)
from cpython.pycapsule cimport PyCapsule_New
from cyrnn.kernels.run cimport MAX_GATES, MAX_UNPACKED_COLUMNS, BackwardRun, GateWeights, Run, Table, real

include "activations.pxi"
include "elements.pxi"
include "matmul.pxi"
include "panels.pxi"
include "multiply.pxi"
include "pointwise.pxi"
include "../cells/rnn.pxi"
include "../cells/lstm.pxi"
include "../cells/gru.pxi"
include "registry.pxi"
include "weights.pxi"
include "input_projection.pxi"
include "interleaved.pxi"
include "forward.pxi"
include "backward.pxi"
include "head.pxi"
include "unpacked_batch.pxi"
include "unpacked_step.pxi"
include "table.pxi"
