/* The kernels' interface: one struct for the forward pass, one for the backward pass, one table of functions, whose
 * signatures are the same for every ISA and both dtypes. Strides and sizes count elements; no output overlaps an input
 * unless its line says so. `S` states, `G` gates, `G'` gates that a cache keeps, `C` skip gradients: the cell's. */
#ifndef CYRNN_RUN_H
#define CYRNN_RUN_H

#include <stddef.h>
#include <stdint.h>

#ifdef CYRNN_DOUBLE
#include "lanes.h"
#else
typedef void real;                      /* callers serve both dtypes: they pass addresses on */
#endif

#include "training.h"

enum {
    MAX_GATES = 4,
    MAX_UNPACKED_COLUMNS = 8            /* of an unpacked run with units in lanes */
};

/* One gate's weights as the caller has them; strides of either sign. Read only. */
typedef struct {
    const real *Wx;                     /* (n_a, n_x); not read for a gate without an input half */
    const real *Wa;                     /* (n_a, n_h); not read for a gate without a recurrent half */
    const real *b;                      /* (n_a,) */
    ptrdiff_t Wx_row_stride, Wx_col_stride, Wa_row_stride, Wa_col_stride, b_stride;
} GateWeights;

/* Activations of the cells that have variants, by the order of cells/activations.py, which says what each is. */
enum {
    SIGMOID, TANH, RELU, HARD_SIGMOID, IDENTITY, AFFINE, LEAKY_RELU, THRESHOLDED_RELU, SCALED_TANH, ELU, SOFTSIGN,
    SOFTPLUS
};
typedef struct {
    int kind;
    double alpha, beta;
} Activation;

/* What such a cell has in other places than its plain form. Read only. */
typedef struct {
    Activation gate, candidate, output;
    double clip;                        /* pre-activations are limited to -clip .. clip; infinity: not at all */
    const real *peepholes;              /* (3, n_a): P of it, ot, ft; NULL without */
} Variant;

/* What `width` is where weights of 2 bytes meet activations in two planes of 8 bits: integers.h. */
enum { SPLIT = 3 };

/* Integer weights: W[j, k] = scale[j] * values[j, k]. One gate's, as the caller has them. Read only. */
typedef struct {
    const void *Wx, *Wa;                /* int8 or int16 (n_a, n_x), (n_a, n_h); not read as in GateWeights */
    ptrdiff_t Wx_row_stride, Wa_row_stride; /* elements; unit stride along rows */
    const real *x_scale, *a_scale;      /* (n_a,) */
    const real *b;                      /* (n_a,) */
} IntegerGate;

/* The integer weights of a cell, as the caller has them. Activations that meet them are integers up to the levels. */
typedef struct {
    int cell;
    int width;                          /* bytes of a weight: 1 or 2; or SPLIT */
    ptrdiff_t n_x, n_h, n_a;
    int x_levels, a_levels, hr_levels;
    IntegerGate gates[MAX_GATES];
    const void *Whr;                    /* (n_h, n_a) of a projection, without gaps, or NULL */
    const real *hr_scale;               /* (n_h,) */
} IntegerSource;

/* A packed matrix of them, or those of several stages one behind the other. */
typedef struct {
    const char *panels;                 /* [panel][group of k][V][LANES][k of the group] */
    const real *scale;                  /* of each unit, over the levels of hidden states where it meets those */
    const int32_t *starts;              /* what its sums start from: see integers.h */
    float levels;
} IntegerMatrix;
typedef struct {
    int width;                          /* of packed weights, likewise */
    IntegerMatrix Wx, Wa, Whr;
    const real *b;
} IntegerWeights;

/* Columns of a run that are reset: before some steps their states are zeros, or given ones. Packed weights only. */
typedef struct {
    const char *flags;                  /* (T, m): 1 where a column is reset before a step, else 0; NULL: nowhere */
    ptrdiff_t stride_t;                 /* bytes from step to step */
    ptrdiff_t states;                   /* S */
    const real *initial;                /* (S, m, n_a): the states of a column that is reset, with a projection h in */
                                        /* the place of a, rows n_a apart; NULL: zeros */
    ptrdiff_t initial_state_stride;
    real *previous;                     /* (S, batch, n_a): workspace; NULL with `flags` */
    real *d_initial;                    /* (S, batch, n_a): of a backward pass whose `initial` is given: workspace */
} Resets;

/* The forward pass of a cell: T steps of m columns, which are neighbours in a batch of `batch`. Of buffers with a batch
 * axis the pointers are those of column `batch_offset`; threads share a pass by columns.
 * Two layouts: packed weights go with units in lanes, rows (m, n_a); unpacked ones with batch in lanes, (n_a, m). */
typedef struct {
    int cell;                           /* its number: registry.pxi */
    const Variant *variant;             /* NULL for its plain form. With peepholes packed weights only */
    ptrdiff_t n_x;                      /* size of the input */
    ptrdiff_t n_h;                      /* size of the hidden state that the recurrent product reads: n_a, or of h */
    ptrdiff_t n_a;                      /* number of units */
    ptrdiff_t m, T;
    const real *x;                      /* (T, m, n_x), with these strides; filled by the caller */
    ptrdiff_t x_stride_t, x_stride_m, x_stride_k;
    int tokens;                         /* x is (T, m) unsigned numbers below n_x, as wide as an element: of W_x that */
                                        /* column alone is added. Packed weights only; `b` as in calls/tokens.pxi */
    const real *Wx, *Wa, *b;            /* filled by pack_weights; read by forward_packed, gates in panels */
    const IntegerWeights *integers;     /* read instead by forward_packed of integer kernels */
    const GateWeights *weights;         /* (G,); read by unpacked runs */
    int units_in_lanes;                 /* of an unpacked run: the layout is that of packed weights, m at most */
                                        /* MAX_UNPACKED_COLUMNS, and weights have unit stride along their rows */
    ptrdiff_t batch, batch_offset;      /* unpacked: batch = m */
    const ptrdiff_t *batch_sizes;       /* (T,), never growing: columns of the batch that take part in a step; NULL */
                                        /* for all. Buffers are not touched for the others. Packed weights only */
    const real *initial;                /* (S, batch, n_a), or (S, n_a, m): states before step 0, filled by the */
                                        /* caller; with a projection initial[0], of a, is not read */
    ptrdiff_t initial_state_stride;
    real *states;                       /* (S, T, batch, n_a), or (S, T, n_a, m): states after each step, written; */
                                        /* the step after reads them, and the head, the cache, the backward pass */
    ptrdiff_t state_stride;             /* from state to state, after step 0 */
    ptrdiff_t state_stride_t;           /* from step to step of all states but the first: batch * n_a; or 0: each */
                                        /* step writes over the one before, and these states may alias their initial */
                                        /* ones */
    real *gates;                        /* (T, G', batch, n_a), or (T, G', n_a, m), written for the cache; or NULL */
    GateWeights head;                   /* Wa is Wy (n_y, n_a), b is by (n_y,); unpacked only */
    ptrdiff_t n_y;
    real *y;                            /* (T, n_y, m), written; or NULL. Unpacked only */
    const real *Whr;                    /* a projection h = Whr a: (n_h, n_a) from pack_gate; NULL without. Packed */
                                        /* only */
    const real *hidden_initial;         /* (batch, n_h): h before step 0, filled by the caller */
    real *hidden;                       /* (T, batch, n_h): h after each step, written; the step after reads it */
    Resets resets;
    ptrdiff_t pause_steps;              /* after every so many steps pause(progress) says whether to end, and is */
    int (*pause)(void *progress);       /* returned then; 0 steps: never */
    void *progress;
} Run;

/* The backward pass over such a run, units in lanes: gradients of all pre-activations, and of the initial states.
 * The products that no step waits for remain to the caller: dx, dW, db, dWhr. Columns as in Run; with batch_sizes the
 * caller fills dz with zeros, which stay where a column takes no part. */
typedef struct {
    int cell;
    const Variant *variant;
    ptrdiff_t n_h, n_a, m, T;
    ptrdiff_t first_step, last_step;    /* done by this call, first_step <= t < last_step: from T to 0, in pieces */
    ptrdiff_t batch, batch_offset;
    const ptrdiff_t *batch_sizes;
    const real *da;                     /* (T, m, n_a), with these strides and unit stride along n_a: incoming */
                                        /* gradient at a of every step, filled by the caller. With a projection (T, */
                                        /* batch, n_a) without gaps, written: Whr^T dh */
    ptrdiff_t da_stride_t, da_stride_m;
    const GateWeights *weights;         /* (G,), unit stride along their rows: read in place, of one step without a */
                                        /* projection; or NULL, and W_a^T is packed: */
    const real *WaT;                    /* filled by pack_transposed_weights: (n_h, gates with a recurrent half * */
                                        /* n_a) of the first stage, then (n_a, ...) of the second */
    real *sums;                         /* (batch, n_a): workspace of two stages in place */
    const real *initial;                /* (S, batch, n_a): states before step 0 */
    ptrdiff_t initial_state_stride;
    const real *previous, *next;        /* (S, T, batch, n_a): previous[t] the states before step t + 1, next[t] */
                                        /* after t; */
    ptrdiff_t state_stride;             /* both may point into Run.states */
    const real *gates;                  /* (T, G', batch, n_a), as Run.gates was written; NULL where the cell keeps */
                                        /* none */
    ptrdiff_t gate_stride_t;
    real *inner;                        /* (T, batch, n_a): input of the second stage, written, for its dWa; or z of */
                                        /* the gate without an input half, filled by the caller; NULL with neither */
    real *dz;                           /* (T, batch, G * n_a), written; the step before reads it, and dx, dW, db */
    real *d_initial;                    /* (1 + C, batch, n_a): [0] written, gradient of a before step 0, not with a */
                                        /* projection, nor with weights in place; the skip gradients behind: of the */
                                        /* LSTM's c after the last step, of a zeros, filled by the caller; then */
                                        /* before step 0 */
    const real *WhrT;                   /* (n_a, n_h) from pack_transposed_gate; NULL without a projection */
    real *dh;                           /* (T, batch, n_h): incoming gradient at h of every step, filled by the */
                                        /* caller; then the whole gradient there, for dWhr */
    real *dh_initial;                   /* (batch, n_h): gradient of h before step 0, written; workspace until then */
    Resets resets;                      /* `initial` as above, or NULL; then no gradient reaches that */
} BackwardRun;

/* The gradients of matrices: out (units, K) = left^T right, over N rows, for every gate's left and some rights: each
 * is copied once. Rows are summed in blocks, blocks in groups, and groups: a chain of all rows would lose digits
 * (docs/explanation/numerics.md). */
enum { BLOCK_ROWS = 256, GROUP_ROWS = 65536, MAX_RIGHTS = 3 };
typedef struct {
    ptrdiff_t K;                        /* 0: none */
    const real *first;                  /* (N, K), unit stride along K: its first rows, */
    ptrdiff_t first_rows;
    const real *rows;                   /* and those behind them, which stand apart */
    ptrdiff_t row_stride;
    const char *resets;                 /* (N,): in the place of row k, where this is 1, stands the row */
    const real *initial;                /* initial[k % initial_rows], of the same stride; NULL: nowhere */
    ptrdiff_t initial_rows;
} OuterRight;
typedef struct {
    ptrdiff_t N, units;
    ptrdiff_t start, stop;              /* done by this call, start <= row < stop: from 0 to N, in whole blocks */
    ptrdiff_t gates, rights;
    const real *left;                   /* (N, gates, units), with these strides and unit stride along units */
    ptrdiff_t left_row_stride, left_gate_stride;
    OuterRight right[MAX_RIGHTS];
    real *out[MAX_GATES][MAX_RIGHTS];   /* NULL where there is none */
    ptrdiff_t out_row_stride[MAX_RIGHTS];
    real *group;                        /* (gates, right, units, K): the sums of a group but the first, from call to */
                                        /* call; NULL where N is at most GROUP_ROWS */
} OuterSum;

/* The gradient of a matrix of which each row added one column: out (units, columns) += for every token that occurs the
 * sum of left at its rows, in blocks as above. All rows are of one group. */
typedef struct {
    ptrdiff_t units;
    const real *left;                   /* (at most GROUP_ROWS, units), unit stride along units */
    ptrdiff_t left_row_stride;
    ptrdiff_t kinds;
    const ptrdiff_t *tokens;            /* (kinds,): the columns, ascending */
    const ptrdiff_t *ends;              /* (kinds,): where the rows of each end in */
    const ptrdiff_t *rows;              /* those of one token behind the other, ascending */
    real *out;
    ptrdiff_t out_row_stride;
} TokenSum;

/* The functions of one ISA and dtype. Where int is returned: 0, or -1 where memory is short, or what `pause` said. All
 * are described where they are defined, see body.pxi. */
typedef struct {
    ptrdiff_t lanes;
    ptrdiff_t (*packed_size)(ptrdiff_t units, ptrdiff_t K, ptrdiff_t gates);
    void (*pack_gate)(const real *W, ptrdiff_t row_stride, ptrdiff_t col_stride, ptrdiff_t units, ptrdiff_t K,
                      ptrdiff_t gate, ptrdiff_t gates, real *out);
    void (*pack_transposed_gate)(const real *W, ptrdiff_t row_stride, ptrdiff_t col_stride, ptrdiff_t n,
                                 ptrdiff_t units, ptrdiff_t gate, ptrdiff_t gates, real *out);
    void (*transpose_steps)(const real *x, ptrdiff_t x_stride_k, ptrdiff_t x_stride_m, ptrdiff_t x_stride_t,
                            ptrdiff_t n, ptrdiff_t m, ptrdiff_t T, real *out);
    void (*weight_sizes)(int cell, ptrdiff_t n_x, ptrdiff_t n_h, ptrdiff_t n_a, ptrdiff_t *sizes);
    void (*pack_weights)(int cell, ptrdiff_t n_x, ptrdiff_t n_h, ptrdiff_t n_a, const GateWeights *weights, real *Wx,
                         real *Wa, real *b);
    void (*pack_transposed_weights)(int cell, ptrdiff_t n_x, ptrdiff_t n_h, ptrdiff_t n_a, const GateWeights *weights,
                                    real *WxT, real *WaT);
    int (*forward_packed)(const Run *run);
    int (*head_packed)(const real *a, ptrdiff_t n_a, ptrdiff_t N, const real *Wy, const real *by, ptrdiff_t n_y,
                       real *y);
    int (*forward_unpacked)(const Run *run);
    int (*stage_unpacked)(const Run *run, ptrdiff_t stage, ptrdiff_t first, ptrdiff_t last, real *between);
    int (*head_unpacked)(const Run *run);
    void (*backward)(const BackwardRun *run);
    void (*initial_gradient)(const BackwardRun *run, ptrdiff_t first, ptrdiff_t last);
    void (*input_gradient)(const BackwardRun *run, ptrdiff_t n_x, ptrdiff_t first, ptrdiff_t last, real *dx);
    void (*multiply)(const real *rows, ptrdiff_t row_stride, ptrdiff_t N, ptrdiff_t K, const real *panels,
                     const real *b, ptrdiff_t units, real *out);
    int (*sum_outer)(const OuterSum *sum);
    void (*add_rows)(const real *left, ptrdiff_t left_row_stride, ptrdiff_t N, ptrdiff_t units, real *out,
                     ptrdiff_t out_stride);
    void (*add_products)(const real *left, ptrdiff_t left_row_stride, const real *right, ptrdiff_t right_row_stride,
                         ptrdiff_t N, ptrdiff_t units, real *out);
    void (*add_tokens)(const TokenSum *sum);
    void (*exp)(const real *x, ptrdiff_t N, real *out);
    void (*tanh)(const real *x, ptrdiff_t N, real *out);
    void (*sigmoid)(const real *x, ptrdiff_t N, real *out);
    void (*softmax)(const real *z, ptrdiff_t row_stride, ptrdiff_t n, ptrdiff_t N, real *y);
    /* of integer kernels alone, whose table has the other functions of one of float32, and a forward_packed of its own */
    ptrdiff_t (*integer_bytes)(const IntegerSource *source);
    void (*pack_integers)(const IntegerSource *source, void *memory, IntegerWeights *out);
    int (*multiply_integers)(const IntegerWeights *weights, const real *x, ptrdiff_t row_stride, ptrdiff_t N,
                             ptrdiff_t K, ptrdiff_t units, real *out);
    /* of float kernels again: rows x (N, n) normalised, w and b (n,) or NULL; the gradient dx of x, and those rows */
    void (*layer_norm)(const real *x, ptrdiff_t row_stride, ptrdiff_t N, ptrdiff_t n, const real *w, const real *b,
                       double eps, real *out);
    void (*layer_norm_backward)(const real *x, ptrdiff_t row_stride, const real *dy, ptrdiff_t dy_row_stride, ptrdiff_t N,
                            ptrdiff_t n, const real *w, double eps, real *normal, real *dx);

    /* losses and optimizers: of some elements, or rows */
    void (*update)(const Update *update, ptrdiff_t first, ptrdiff_t last);
    void (*cross_entropy)(const CrossEntropy *loss, ptrdiff_t first, ptrdiff_t last);
    void (*element_loss)(const ElementLoss *loss, ptrdiff_t first, ptrdiff_t last);
    double (*sum)(const real *x, ptrdiff_t N, double total);
    double (*sum_of_squares)(const real *x, ptrdiff_t N, double total);
} Table;

#endif
