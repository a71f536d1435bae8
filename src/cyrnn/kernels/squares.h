/* Squares of a matrix on their way into lanes: rows that become columns, in registers. */
#ifndef CYRNN_SQUARES_H
#define CYRNN_SQUARES_H
#include "lanes.h"

/* clang keeps a square on the stack otherwise; of NEON's, which are small, it does not. */
#ifdef CYRNN_NEON
#define UNROLL_SQUARE
#else
#define UNROLL_SQUARE UNROLL_BY_CLANG
#endif

/* rows[i] = the first n of LANES elements, 0 < n <= LANES, of row i of `count` rows; zero the other lanes and rows. On
 * x86 rows that are not there are read from zeros: with a branch for each, clang takes the square through the stack. */
LANE_OP void load_rows(const real *p, ptrdiff_t row_stride, ptrdiff_t count, ptrdiff_t n, vec *rows) {
#if defined(CYRNN_AVX512) || defined(CYRNN_AVX2)
    static const real zeros[MAX_LANES] = {0};
    UNROLL_SQUARE for (ptrdiff_t i = 0; i < LANES; i++) rows[i] = load_first(i < count ? p + i * row_stride : zeros, n);
#else
    for (ptrdiff_t i = 0; i < LANES; i++) {
        rows[i] = splat(0);
        if (i < count) rows[i] = n == LANES ? load(p + i * row_stride) : load_first(p + i * row_stride, n);
    }
#endif
}

/* rows[i] lane j <-> rows[j] lane i, of LANES vectors: log2(LANES) rounds of swapping off-diagonal blocks, side s. */
#ifdef VECTOR_BYTES
#define UPPER(lane, s) ((lane) & (s)) ? LANES + (lane) - (s) : (lane)
#define LOWER(lane, s) ((lane) & (s)) ? LANES + (lane) : (lane) + (s)
#define LANE_LIST2(E, s) E(0, s), E(1, s)
#define LANE_LIST4(E, s) LANE_LIST2(E, s), E(2, s), E(3, s)
#define LANE_LIST8(E, s) LANE_LIST4(E, s), E(4, s), E(5, s), E(6, s), E(7, s)
#define LANE_LIST16(E, s) LANE_LIST8(E, s), E(8, s), E(9, s), E(10, s), E(11, s), E(12, s), E(13, s), E(14, s), E(15, s)
#if VECTOR_BYTES == 64 && !CYRNN_DOUBLE
#define LANE_LIST LANE_LIST16
#elif (VECTOR_BYTES == 64) || (VECTOR_BYTES == 32 && !CYRNN_DOUBLE)
#define LANE_LIST LANE_LIST8
#elif (VECTOR_BYTES == 32) || !CYRNN_DOUBLE
#define LANE_LIST LANE_LIST4
#else
#define LANE_LIST LANE_LIST2
#endif
#define SWAP_BLOCKS(s)                                                                             \
    UNROLL_SQUARE for (ptrdiff_t i = 0; i < LANES; i++)                                          \
        if (!(i & (s))) {                                                                          \
            vec upper = rows[i], lower = rows[i + (s)];                                            \
            rows[i] = __builtin_shufflevector(upper, lower, LANE_LIST(UPPER, s));                  \
            rows[i + (s)] = __builtin_shufflevector(upper, lower, LANE_LIST(LOWER, s));            \
        }
LANE_OP void transpose(vec *rows) {
#if VECTOR_BYTES == 64 && !CYRNN_DOUBLE
    SWAP_BLOCKS(8)
#endif
#if VECTOR_BYTES == 64 || (VECTOR_BYTES == 32 && !CYRNN_DOUBLE)
    SWAP_BLOCKS(4)
#endif
#if VECTOR_BYTES >= 32 || !CYRNN_DOUBLE
    SWAP_BLOCKS(2)
#endif
    SWAP_BLOCKS(1)
}
#else
LANE_OP void transpose(vec *rows) { (void)rows; }
#endif

/* ---- columns of a matrix that is not packed -------------------------------------------------------------- */
/* load_columns: columns[k] lane i = p[i * row_stride + k], for LANES rows of COLUMNS elements, neighbours in memory. On
 * x86 a vector takes half a row in each half, from memory, which saves a round of the shuffles that a square of LANES
 * costs, and half the registers: 16 shuffles per 512 bytes instead of 24 in float64, 24 instead of 32 in float32. */
#if defined(CYRNN_AVX512) || defined(CYRNN_AVX2)
#define COLUMNS (LANES / 2)
#define PIECE ((ptrdiff_t)(16 / sizeof(real)))              /* elements of 128 bits: shuffles within are the cheapest */
#if defined(CYRNN_AVX512) && CYRNN_DOUBLE
#define LOAD_PAIR(lo, hi) _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(lo)), _mm256_loadu_pd(hi), 1)
#elif defined(CYRNN_AVX512)
#define LOAD_PAIR(lo, hi) _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(lo)), _mm256_loadu_ps(hi), 1)
#elif CYRNN_DOUBLE
#define LOAD_PAIR(lo, hi) _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(lo)), _mm_loadu_pd(hi), 1)
#else
#define LOAD_PAIR(lo, hi) _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(lo)), _mm_loadu_ps(hi), 1)
#endif
/* Of each piece of two vectors the first, or last, blocks of s elements in turn. */
#define ZIP(lane, s) ((lane) / (s) % 2 * LANES + (lane) / PIECE * PIECE + (lane) % PIECE / (2 * (s)) * (s) + (lane) % (s))
#define ZIP_LAST(lane, s) ZIP(lane, s) + PIECE / 2
#define ZIP_PAIR(a, b, s)                                                                          \
    {                                                                                              \
        vec first = columns[a], second = columns[b];                                               \
        columns[a] = __builtin_shufflevector(first, second, LANE_LIST(ZIP, s));                    \
        columns[b] = __builtin_shufflevector(first, second, LANE_LIST(ZIP_LAST, s));               \
    }
/* PIECE columns of PIECE rows in each piece: of the first rows two pieces, then of the next rows two. */
LANE_OP void load_pieces(const real *p, ptrdiff_t row_stride, vec *columns) {
    UNROLL_SQUARE for (ptrdiff_t i = 0; i < PIECE; i++)
        columns[i] = (vec)LOAD_PAIR(p + i * row_stride, p + (PIECE + i) * row_stride);
    ZIP_PAIR(0, 1, 1)
#if !CYRNN_DOUBLE
    ZIP_PAIR(2, 3, 1)
    ZIP_PAIR(0, 2, 2)
    ZIP_PAIR(1, 3, 2)
    vec column = columns[1];
    columns[1] = columns[2];
    columns[2] = column;
#endif
}
/* Pieces q and q + 2 of two vectors. */
#define PIECES(lane, q) ((lane) / COLUMNS * LANES + ((lane) / PIECE % 2 * 2 + (q)) * PIECE + (lane) % PIECE)
LANE_OP void join_pieces(vec *columns) {
#if defined(CYRNN_AVX512)
    UNROLL_SQUARE for (ptrdiff_t k = 0; k < PIECE; k++) {
        vec upper = columns[k], lower = columns[PIECE + k];
        columns[k] = __builtin_shufflevector(upper, lower, LANE_LIST(PIECES, 0));
        columns[PIECE + k] = __builtin_shufflevector(upper, lower, LANE_LIST(PIECES, 1));
    }
#else
    (void)columns;
#endif
}
LANE_OP void load_columns(const real *p, ptrdiff_t row_stride, vec *columns) {
    load_pieces(p, row_stride, columns);
#if defined(CYRNN_AVX512)
    load_pieces(p + COLUMNS * row_stride, row_stride, columns + PIECE);
#endif
    join_pieces(columns);
}
/* 2 COLUMNS of half the rows: pieces, to be joined with those of the other half. */
LANE_OP void load_half(const real *p, ptrdiff_t row_stride, vec *columns) {
    load_pieces(p, row_stride, columns);
    load_pieces(p + COLUMNS, row_stride, columns + COLUMNS);
}
#else
#define COLUMNS LANES
LANE_OP void load_columns(const real *p, ptrdiff_t row_stride, vec *columns) {
    UNROLL_SQUARE for (ptrdiff_t i = 0; i < LANES; i++) columns[i] = load(p + i * row_stride);
    transpose(columns);
}
#endif

#endif
