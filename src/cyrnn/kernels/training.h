/* What kernels of losses and optimizers are given: part of run.h, which has the words. */
#ifndef CYRNN_TRAINING_H
#define CYRNN_TRAINING_H

/* A step of an optimizer in one weight; calls/reference_training.py says which state and numbers a method has. */
enum {
    SGD, RMSPROP, ADAM, MAX_STATE = 3, MAX_NUMBERS = 7
};
typedef struct {
    int method;
    ptrdiff_t N;
    real *w;                            /* (N,), changed in place */
    const real *g;                      /* (N,) */
    real *state[MAX_STATE];             /* (N,) each, changed in place; NULL where an option leaves it out */
    double number[MAX_NUMBERS];
} Update;

/* Losses and their gradients, times scale. */
typedef struct {
    ptrdiff_t classes;
    const real *logits;                 /* (rows, classes) */
    const int64_t *targets;             /* (rows,): 0 <= target < classes, or negative for a row that counts nothing */
    const real *weight;                 /* (classes,), or NULL for ones */
    double scale;
    real *losses;                       /* (rows,) */
    real *d;                            /* (rows, classes) */
} CrossEntropy;
enum {
    SQUARED_ERROR, HUBER, BINARY_CROSS_ENTROPY
};
typedef struct {
    int kind;
    const real *output, *target;        /* (N,) */
    const real *weight, *pos_weight;    /* (N,), or NULL for ones; pos_weight of the last kind alone */
    double delta, scale;                /* delta of Huber's alone */
    real *losses;                       /* (N,) */
    real *d;                            /* (N,) */
} ElementLoss;

#endif
