/* What a kernel is told: one struct, so that every ISA's entry has one signature, for both dtypes. */
#ifndef CYRNN_RUN_H
#define CYRNN_RUN_H

#include <stddef.h>

#ifdef CYRNN_DOUBLE
#include "lanes.h"
#else
typedef void real;                      /* the caller, who serves both dtypes, only passes addresses on */
#endif

enum {
    MAX_GATES = 4,
    MAX_UNPACKED_COLUMNS = 3            /* of step_unpacked */
};

/* One gate's weights as the notebook has them; strides in elements, of either sign. */
typedef struct {
    const real *Wx, *Wa, *b;            /* (n_a, n_x), (n_a, n_a), (n_a,) */
    ptrdiff_t Wx_row_stride, Wx_col_stride, Wa_row_stride, Wa_col_stride, b_stride;
} GateWeights;

/* One run of a cell over T steps of m columns. Inputs and outputs do not overlap. */
typedef struct {
    int cell;                           /* its number: registry.pxi */
    ptrdiff_t n_x, n_a, m, T;
    const real *x;                      /* (T, m, n_x) with these strides, in elements */
    ptrdiff_t x_stride_t, x_stride_m, x_stride_k;
    const real *Wx, *Wa, *b;            /* packed */
    const GateWeights *weights;         /* one per gate, for the direct ways, which read nothing packed */
    ptrdiff_t batch;                    /* columns in memory, of which these m are neighbours, */
    ptrdiff_t batch_offset;             /* this the first of them */
    const ptrdiff_t *batch_sizes;       /* how many columns of the batch take part in each step, never more than in */
                                        /* the one before; NULL for all. Over packed weights alone */
    const real *initial;                /* states before the first step: units in lanes (S, batch, n_a), */
    ptrdiff_t initial_state_stride;            /* batch in lanes (S, n_a, batch); from state to state */
    real *states;                       /* states after each step, written: (S, T, ...) of the same kind; */
    ptrdiff_t state_stride;                    /* from state to state, after the first step */
    ptrdiff_t state_stride_t;           /* from step to step of the states but the first: batch * n_a; or 0, and each */
                                        /* step writes over the one before. Over packed weights alone */
    real *gates;                        /* (T, G', ...) of the same kind, those that the cache keeps; or NULL */
    GateWeights head;                   /* for the direct ways: Wa is Wy (n_y, n_a), b is by */
    ptrdiff_t n_y;
    real *y;                            /* for the direct ways: (T, n_y, m), or NULL */
} Run;

/* The backward pass of such a run: dz (T, batch, G * n_a), the gradients of all pre-activations, from those of a; with
 * `batch_sizes`, dz is zero where a column takes no part.
 * States and gates are as a run left them, or of the same layout; S and G are the cell's, strides in elements. */
typedef struct {
    int cell;                           /* its number: registry.pxi */
    ptrdiff_t n_a, m, T;
    ptrdiff_t batch, batch_offset;      /* as in Run */
    const ptrdiff_t *batch_sizes;
    const real *da;                     /* (T, m, n_a), arriving at a of every step, with these strides */
    ptrdiff_t da_stride_t, da_stride_m;
    const real *WaT;                    /* packed: (n_a, gates with a recurrent half * n_a), stage after stage */
    const real *initial;                /* states before the first step, (S, batch, n_a); from state to state */
    ptrdiff_t initial_state_stride;
    const real *previous, *next;        /* states before steps 1 .. T - 1, and after steps 0 .. T - 1: */
    ptrdiff_t state_stride;                    /* (S, T, batch, n_a); from state to state */
    const real *gates;                  /* (T, G', batch, n_a), those that the cache keeps; NULL where it keeps none */
    ptrdiff_t gate_stride_t;                   /* from step to step */
    real *inner;                        /* (T, batch, n_a): what a first stage hands on, written; or z of the gate */
                                        /* without an input half; NULL where the cell has neither */
    real *dz;                           /* written */
    real *d_initial;                        /* (1 + C, batch, n_a): gradient of the initial hidden state, and the one */
                                        /* carried: of the second state, where it lies before, or from zero */
} BackwardRun;

/* What a kernel module offers to compiled callers; int results are 0, or -1 where memory is short. */
typedef struct {
    ptrdiff_t lanes;
    ptrdiff_t (*packed_size)(ptrdiff_t units, ptrdiff_t K, ptrdiff_t gates);
    void (*pack_gate)(const real *W, ptrdiff_t row_stride, ptrdiff_t col_stride, ptrdiff_t units, ptrdiff_t K,
                      ptrdiff_t gate, ptrdiff_t gates, real *out);
    void (*pack_transposed_gate)(const real *W, ptrdiff_t row_stride, ptrdiff_t col_stride, ptrdiff_t n,
                                 ptrdiff_t units, ptrdiff_t gate, ptrdiff_t gates, real *out);
    void (*transpose_steps)(const real *x, ptrdiff_t x_stride_k, ptrdiff_t x_stride_m, ptrdiff_t x_stride_t,
                            ptrdiff_t n, ptrdiff_t m, ptrdiff_t T, real *out);
    void (*weight_sizes)(int cell, ptrdiff_t n_x, ptrdiff_t n_a, ptrdiff_t *sizes);
    void (*pack_weights)(int cell, ptrdiff_t n_x, ptrdiff_t n_a, const GateWeights *weights, real *Wx, real *Wa,
                         real *b);
    void (*pack_transposed_weights)(int cell, ptrdiff_t n_x, ptrdiff_t n_a, const GateWeights *weights, real *WxT,
                                    real *WaT);
    int (*forward_packed)(const Run *run);
    int (*head_packed)(const real *a, ptrdiff_t n_a, ptrdiff_t N, const real *Wy, const real *by, ptrdiff_t n_y,
                       real *y);
    int (*forward_unpacked)(const Run *run);
    int (*step_unpacked)(const Run *run);
    void (*backward)(const BackwardRun *run);
    void (*multiply)(const real *rows, ptrdiff_t row_stride, ptrdiff_t N, ptrdiff_t K, const real *panels,
                     const real *b, ptrdiff_t units, real *out);
    int (*add_outer)(const real *left, ptrdiff_t left_row_stride, const real *right, ptrdiff_t right_row_stride,
                     ptrdiff_t N, ptrdiff_t units, ptrdiff_t K, real *out, ptrdiff_t out_row_stride);
    void (*add_rows)(const real *left, ptrdiff_t left_row_stride, ptrdiff_t N, ptrdiff_t units, real *out,
                     ptrdiff_t out_stride);
    void (*tanh)(const real *x, ptrdiff_t N, real *out);
    void (*sigmoid)(const real *x, ptrdiff_t N, real *out);
    void (*softmax)(const real *z, ptrdiff_t n, ptrdiff_t N, real *y);
} Table;

#endif
