"""Every formula of the compiled kernels, in reading order. Each `_isa_*.pyx` is this file, compiled once more.

    exponential.pxi       what the activations share, and exp
    activations.pxi       tanh, sigmoid
    rows.pxi              rows that end within a vector
    elements.pxi          activations of whole arrays
    layout.pxi            how packed matrices lie in memory
    matmul.pxi            packed products, canonical order
    panels.pxi            how matrices are packed for them
    multiply.pxi          rows times a packed matrix
    pointwise.pxi         the arguments of the cells' functions
    variants.pxi          their other activations, limits, peepholes
    ../cells/rnn.pxi      pointwise and its derivative, one stem per cell
    ../cells/lstm.pxi
    ../cells/gru.pxi
    registry.pxi          the cells by number
    counts.pxi            their counts, from Python
    weights.pxi           the weights of a whole cell, packed
    resets.pxi            columns that are reset before a step
    stages.pxi            the stages of a forward pass
    interleaving.pxi      when products are interleaved
    interleaved.pxi       the input projection of later steps beside this step's recurrent product
    tokens.pxi            the same where each row of x is one token; its gradient
    input_projection.pxi  the first half of every chain, hoisted out of the time loop
    forward.pxi           the time loop
    backward.pxi          the backward time loop
    outer.pxi             the gradients of weights and biases
    head.pxi              softmax, and y = softmax(Wy a + by)
    layer_norm.pxi        rows normalised, forward and backward
    unpacked_batch.pxi    a stage without packing, batch in lanes
    unpacked_step.pxi     a stage without packing, units in lanes, for few columns
    unpacked.pxi          short runs without packing
    logarithm.pxi         log, for losses
    sums.pxi              sums in float64
    losses.pxi            losses and their gradients
    updates.pxi           steps of optimizers
    table.pxi             the table of functions, for compiled callers

A file calls functions of the files above it alone. The same text serves every dtype (`real`) and ISA: see lanes.h.
"""
from cpython.pycapsule cimport PyCapsule_New
from libc.math cimport INFINITY, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset

from cyrnn.kernels.lanes cimport (
    COLUMNS, LANES, MAX_LANES, TILE_ROWS, as_bits, as_real, bits, fma, gather, isplat, ivec, keep_first,
    less, load, load_first, load_rows, mask, max_, min_, root, select, splat, store, store_first, transpose, vec,
)
from cyrnn.kernels.run cimport (
    AFFINE, BLOCK_ROWS, ELU, GROUP_ROWS, HARD_SIGMOID, IDENTITY, LEAKY_RELU, MAX_GATES, MAX_UNPACKED_COLUMNS, RELU,
    SCALED_TANH, SIGMOID, SOFTPLUS, SOFTSIGN, TANH, THRESHOLDED_RELU, Activation, BackwardRun, GateWeights, OuterRight,
    OuterSum, Resets, Run, Table, TokenSum, Variant, real,
)
from cyrnn.kernels.run cimport HUBER, RMSPROP, SGD, SQUARED_ERROR, CrossEntropy, ElementLoss, Update
from cyrnn.kernels.tiles cimport (
    LINE, MAX_TILE, ask_for_line, columns_fma, columns_start, lines_fma, pointer_alone, tile_fma, tile_is_summed,
    tile_load, tile_prefetch, tile_splat, tile_store,
)

cdef enum:
    HAS_BACKWARD = 1

include "exponential.pxi"
include "activations.pxi"
include "rows.pxi"
include "elements.pxi"
include "layout.pxi"
include "matmul.pxi"
include "panels.pxi"
include "multiply.pxi"
include "pointwise.pxi"
include "variants.pxi"
include "../cells/rnn.pxi"
include "../cells/lstm.pxi"
include "../cells/gru.pxi"
include "registry.pxi"
include "counts.pxi"
include "weights.pxi"
include "resets.pxi"
include "stages.pxi"
include "interleaving.pxi"
include "interleaved.pxi"
include "tokens.pxi"
include "input_projection.pxi"
include "forward.pxi"
include "backward.pxi"
include "outer.pxi"
include "head.pxi"
include "layer_norm.pxi"
include "unpacked_batch.pxi"
include "unpacked_step.pxi"
include "unpacked.pxi"
include "logarithm.pxi"
include "sums.pxi"
include "losses.pxi"
include "updates.pxi"
include "table.pxi"
