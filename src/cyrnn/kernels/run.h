/* What a kernel is told: one struct, so that every ISA's entry has one signature, for both dtypes. */
#ifndef CYRNN_RUN_H
#define CYRNN_RUN_H

#include <stddef.h>

#ifdef CYRNN_DOUBLE
#include "lanes.h"
#else
typedef void real;                      /* the caller, who serves both dtypes, only passes addresses on */
#endif

enum { RNN = 0, LSTM = 1 };             /* the cells, as the kernels number them */
enum { MOST_GATES = 4 };

/* One gate's weights as the notebook has them; strides in elements, of either sign. */
typedef struct {
    const real *Wx, *Wa, *b;            /* (n_a, n_x), (n_a, n_a), (n_a,) */
    ptrdiff_t Wx_row, Wx_col, Wa_row, Wa_col, b_row;
} GateWeights;

/* One run of a cell over T steps of m columns. Inputs and outputs do not overlap. */
typedef struct {
    int cell;
    ptrdiff_t n_x, n_a, m, T;
    const real *x;                      /* (T, m, n_x) with these strides, in elements */
    ptrdiff_t x_t, x_m, x_k;
    const real *Wx, *Wa, *b;            /* packed */
    const GateWeights *weights;         /* not packed: for the direct path */
    real *states;                       /* units in lanes (S, T + 1, m, n_a), batch in lanes (S, T + 1, n_a, m); */
                                        /* [s, 0] is given, the rest is written */
    real *gates;                        /* (T, G, ...) of the same kind, or NULL where nobody will read them */
} Run;

#endif
