"""The kernels for integer weights, in reading order. Each `_isa_*_int.pyx` is this file, compiled once more.

    exponential.pxi       what the activations share, and exp
    integer_activations.pxi  sigmoid and tanh, shorter
    rows.pxi              rows that end within a vector
    layout.pxi            how packed matrices lie in memory
    pointwise.pxi         the arguments of the cells' functions
    variants.pxi          their other activations, limits, peepholes
    ../cells/rnn.pxi      pointwise, one stem per cell
    ../cells/lstm.pxi
    ../cells/gru.pxi
    registry.pxi          the cells by number
    counts.pxi            their counts, from Python
    resets.pxi            columns that are reset before a step
    stages.pxi            the stages of a forward pass
    interleaving.pxi      when products are interleaved
    quantize.pxi          activations as integers
    integer_matmul.pxi    packed products of integers
    integer_panels.pxi    how matrices are packed for them
    integer_stages.pxi    the stages of a forward pass over integers
    integer_multiply.pxi  rows times a matrix of integers
    integer_interleaved.pxi  the input projection of later steps beside this step's recurrent product
    integer_forward.pxi   the time loop
    integer_table.pxi     the table of functions

As in body.pxi a file calls functions of the files above it alone. There is no backward pass.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.math cimport INFINITY
from libc.stdint cimport int16_t, int32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset

from cyrnn.kernels.integers cimport (
    GROUP, IN_VECTOR, INT8, PLANES, RAISED, ROW_WIDTH, WEIGHT_VECTOR, WIDENS, high_plane, low_plane, magnitude_bits,
    max_bits, max_lane, nearest, store_integers, sums_dot, sums_load, sums_scale, sums_start, sums_store, widen_weights,
)
from cyrnn.kernels.lanes cimport (
    LANES, TILE_ROWS, as_bits, as_real, bits, fma, gather, isplat, ivec, less, load, load_first, mask, max_, min_,
    select, splat, store, store_first, vec,
)
from cyrnn.kernels.run cimport (
    AFFINE, ELU, HARD_SIGMOID, IDENTITY, LEAKY_RELU, MAX_GATES, RELU, SCALED_TANH, SIGMOID, SOFTPLUS, SOFTSIGN, SPLIT,
    TANH, THRESHOLDED_RELU, Activation, IntegerGate, IntegerMatrix, IntegerSource, IntegerWeights, Resets, Run, Table,
    Variant, real,
)
from cyrnn.kernels.tiles cimport MAX_TILE

cdef enum:
    HAS_BACKWARD = 0

include "exponential.pxi"
include "integer_activations.pxi"
include "rows.pxi"
include "layout.pxi"
include "pointwise.pxi"
include "variants.pxi"
include "../cells/rnn.pxi"
include "../cells/lstm.pxi"
include "../cells/gru.pxi"
include "registry.pxi"
include "counts.pxi"
include "resets.pxi"
include "stages.pxi"
include "interleaving.pxi"
include "quantize.pxi"
include "integer_matmul.pxi"
include "integer_panels.pxi"
include "integer_stages.pxi"
include "integer_multiply.pxi"
include "integer_interleaved.pxi"
include "integer_forward.pxi"
include "integer_table.pxi"
