/* A tile of sums in registers, as operations of whole tiles: what the microkernels of all products are made of.
 *
 * acc (R, P, V) is R rows by P panels of V vectors; R, P and V are constants wherever these are expanded. Loops over
 * them are unrolled by command: otherwise gcc moves all sums through the stack before and after the loop over k, and
 * clang keeps them in memory all along (AVX2: half the speed).
 */
#ifndef CYRNN_TILES_H
#define CYRNN_TILES_H
#include "squares.h"

#define MAX_TILE 24                       /* vectors of a tile */
/* Which vector of a panel is loaded for each row anew: clang 18 to 22 do not fit 12 sums, 3 vectors and a splat into 16
 * registers. */
#if defined(__clang__) && defined(CYRNN_AVX2)
#define AGAIN 2
#else
#define AGAIN -1
#endif

LANE_OP void tile_load(vec *acc, const real *z, ptrdiff_t row_stride, ptrdiff_t panel_stride, ptrdiff_t R, ptrdiff_t P,
                       ptrdiff_t V) {
    UNROLL for (ptrdiff_t r = 0; r < R; r++)
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++)
                acc[(r * P + p) * V + v] = load(z + r * row_stride + p * panel_stride + v * LANES);
}

/* Ask for what is added to soon: a gradient as large as its weights comes from beyond the L2 cache. */
LANE_OP void tile_prefetch(const real *z, ptrdiff_t row_stride, ptrdiff_t R, ptrdiff_t V) {
#if defined(__GNUC__) || defined(__clang__)
    for (ptrdiff_t r = 0; r < R; r++)
        for (ptrdiff_t v = 0; v < V; v++) __builtin_prefetch(z + r * row_stride + v * LANES, 1);
#endif
}

/* Ask for a line that a later tile reads: the weights of large models come from beyond the L2 cache. */
#define LINE ((ptrdiff_t)(64 / sizeof(real)))
LANE_OP void ask_for_line(const real *p) {
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(p, 0, 2);
#endif
}

/* Each row filled with its own element. */
LANE_OP void tile_splat(vec *acc, const real *column, ptrdiff_t row_stride, ptrdiff_t R, ptrdiff_t P, ptrdiff_t V) {
    UNROLL for (ptrdiff_t r = 0; r < R; r++)
        UNROLL for (ptrdiff_t i = 0; i < P * V; i++) acc[r * P * V + i] = splat(column[r * row_stride]);
}

/* Ascending: where rows overlap, the later row wins. */
LANE_OP void tile_store(real *z, const vec *acc, ptrdiff_t row_stride, ptrdiff_t panel_stride, ptrdiff_t R, ptrdiff_t P,
                        ptrdiff_t V) {
    UNROLL for (ptrdiff_t r = 0; r < R; r++)
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++)
                store(z + r * row_stride + p * panel_stride + v * LANES, acc[(r * P + p) * V + v]);
}

/* Loaded here and nowhere else: the compiler may neither repeat this nor leave it out. gcc would rather read a vector
 * of the panel from memory for each row than keep it in a register; then loads are the limit (LSTM (256,256,3,50): f32
 * 1.33 times as fast so, f64 1.15; Xeon with AVX-512, 2026-11-28). */
#ifdef VECTOR_BYTES
LANE_OP vec load_here(const real *p) { return *(const volatile vec_unaligned *)p; }
#else
LANE_OP vec load_here(const real *p) { return load(p); }
#endif

/* p, of which the compiler does not know that it is so far from another pointer: a register of its own in a loop. No
 * instruction comes of this. */
LANE_OP const real *pointer_alone(const real *p) {
#if defined(__GNUC__) || defined(__clang__)
    __asm__("" : "+r"(p));
#endif
    return p;
}

/* acc += one step in k: row[r * row_stride] times panel (P, V). The fewer, rows or vectors, stay in registers; the
 * others pass through one after the other. */
LANE_OP void tile_fma(vec *acc, const real *row, ptrdiff_t row_stride, const real *panel, ptrdiff_t panel_stride,
                      ptrdiff_t R, ptrdiff_t P, ptrdiff_t V) {
    if (R < P * V) {
        vec s[MAX_TILE];
        UNROLL for (ptrdiff_t r = 0; r < R; r++) s[r] = splat(row[r * row_stride]);
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++) {
                const real *at = panel + p * panel_stride + v * LANES;
                vec w = R > 1 ? load_here(at) : load(at);
                UNROLL for (ptrdiff_t r = 0; r < R; r++)
                    acc[(r * P + p) * V + v] = fma_(s[r], w, acc[(r * P + p) * V + v]);
            }
    } else {
        UNROLL for (ptrdiff_t r = 0; r < R; r++) {
            vec s = splat(row[r * row_stride]);
            UNROLL for (ptrdiff_t p = 0; p < P; p++)
                UNROLL for (ptrdiff_t v = 0; v < V; v++) {
                    const real *at = panel + p * panel_stride + v * LANES;
                    vec w = v == AGAIN ? load_here(at) : load(at);
                    acc[(r * P + p) * V + v] = fma_(s, w, acc[(r * P + p) * V + v]);
                }
        }
    }
}

/* Whatever a later line reads is read once these sums are there. clang 22, for ARM in general, would rather work ahead
 * where several tiles are summed side by side, and spill sums for it. No instruction comes of this. */
LANE_OP void tile_is_summed(const vec *acc, ptrdiff_t R, ptrdiff_t P, ptrdiff_t V) {
#if defined(__clang__) && defined(CYRNN_NEON)
    UNROLL for (ptrdiff_t i = 0; i < R * P * V; i++) __asm__ volatile("" : : "w"(acc[i]));
#else
    (void)acc, (void)R, (void)P, (void)V;
#endif
}

/* acc (P, R) = b (P), for each of R columns. */
LANE_OP void columns_start(vec *acc, const vec *b, ptrdiff_t P, ptrdiff_t R) {
    UNROLL_BY_CLANG for (ptrdiff_t p = 0; p < P; p++)
        UNROLL_BY_CLANG for (ptrdiff_t r = 0; r < R; r++) acc[p * R + r] = b[p];
}

/* acc (P, R) += COLUMNS steps in k: W (P * LANES, COLUMNS) times x (COLUMNS, R), which has no gaps. */
LANE_OP void columns_fma(vec *acc, const real *W, ptrdiff_t row_stride, const real *x, ptrdiff_t P, ptrdiff_t R) {
    vec columns[MAX_LANES];
    UNROLL_BY_CLANG for (ptrdiff_t p = 0; p < P; p++) {
        load_columns(W + p * LANES * row_stride, row_stride, columns);
        UNROLL_BY_CLANG for (ptrdiff_t i = 0; i < COLUMNS; i++)
            UNROLL_BY_CLANG for (ptrdiff_t r = 0; r < R; r++)
                acc[p * R + r] = fma_(splat(x[i * R + r]), columns[i], acc[p * R + r]);
        tile_is_summed(acc + p * R, R, 1, 1);
    }
}

/* acc (R) += W x, as many steps in k as fill whole lines; returns them. For LANES rows that begin in one set of the L1
 * cache, each with a line: the set has not room for LANES of them. So a line is read once, both halves in turn, and of the
 * last rows a step ahead: what two steps read is in two sets. (512,512,1) in float32: LSTM from 331 to 200 us, RNN from
 * 97 to 53 (Zen 4, 2026-11-30). With fewer lanes than 16 nothing is gained. */
LANE_OP ptrdiff_t lines_fma(vec *acc, const real *W, ptrdiff_t row_stride, const real *x, ptrdiff_t K, ptrdiff_t R) {
    ptrdiff_t k = 0;
#if defined(CYRNN_AVX512)
    vec columns[MAX_LANES], ahead[MAX_LANES];
    if (K < LINE) return 0;
    load_half(W + COLUMNS * row_stride, row_stride, ahead);
    for (; k + LINE <= K; k += LINE) {
        load_half(W + k, row_stride, columns);
        UNROLL_SQUARE for (ptrdiff_t i = 0; i < PIECE; i++) {
            columns[PIECE + i] = ahead[i];
            columns[COLUMNS + PIECE + i] = ahead[COLUMNS + i];
        }
        load_half(W + COLUMNS * row_stride + (k + 2 * LINE <= K ? k + LINE : k), row_stride, ahead);
        join_pieces(columns);
        join_pieces(columns + COLUMNS);
        UNROLL for (ptrdiff_t i = 0; i < LINE; i++)  /* else gcc leaves it, from R = 3 on, with columns in memory */
            UNROLL for (ptrdiff_t r = 0; r < R; r++)
                acc[r] = fma_(splat(x[(k + i) * R + r]), columns[i], acc[r]);
        tile_is_summed(acc, R, 1, 1);
    }
#else
    (void)acc, (void)W, (void)row_stride, (void)x, (void)K, (void)R;
#endif
    return k;
}

#endif
