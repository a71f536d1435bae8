/* Vector types and their few operations, one set of names for every ISA.
 *
 * Each kernel module is compiled for one dtype and one ISA. setup.py says which, with
 *     CYRNN_DOUBLE                0 for float32, 1 for float64
 *     CYRNN_AVX512 | CYRNN_AVX2 | CYRNN_NEON | CYRNN_WASM | CYRNN_BASELINE | CYRNN_ONE_LANE
 * and this header turns it into
 *     real   the element            bits   the unsigned integer of the same width: sums and shifts wrap
 *     vec    LANES elements         ivec   LANES such integers       mask   LANES truth values
 *
 * Design. The operations below are the only ones whose spelling depends on the ISA; + - * / on `vec` and
 * + - & | ^ << >> on `ivec` are the compiler's own. All of them are exact or correctly rounded (IEEE 754), so
 * a formula written with them gives the same bits whichever ISA runs it. The one exception is CYRNN_BASELINE,
 * whose `fma` rounds twice because SSE2 has no fused multiply-add. Pointers are to `real` and need no alignment.
 * Where vector extensions are missing (MSVC), LANES is 1: CYRNN_BASELINE then rounds as it does elsewhere, and
 * CYRNN_ONE_LANE, whose `fma` needs no instruction for it, gives the bits of the other ISAs, slowly:
 * tests/kernels/test_one_lane.py. It is what CYRNN_WASM is: WebAssembly has vectors, but no exact fma.
 */
#ifndef CYRNN_LANES_H
#define CYRNN_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "fma.h"

#ifdef CYRNN_WASM
#define CYRNN_ONE_LANE
#endif

#if CYRNN_DOUBLE
typedef double real;
typedef uint64_t bits;
#else
typedef float real;
typedef uint32_t bits;
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define LANE_OP static __forceinline
#else
#define LANE_OP static inline __attribute__((always_inline, unused))
#endif

/* Unrolled by command: sums, and rows that are transposed, stay in registers then. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 24")
#else
#define UNROLL
#endif
#ifdef __clang__
#define UNROLL_BY_CLANG UNROLL
#else
#define UNROLL_BY_CLANG                   /* gcc unrolls these by itself, and assigns registers worse where told to */
#endif

/* ---- the types ------------------------------------------------------------------------------------------ */
#if defined(CYRNN_AVX512)
#if !defined(__AVX512F__) || !defined(__AVX512DQ__) || !defined(__AVX512BW__) || !defined(__AVX512VL__)
#error "the avx512 kernels want -mavx512f -mavx512dq -mavx512bw -mavx512vl"
#endif
#include <immintrin.h>
#define VECTOR_BYTES 64
#elif defined(CYRNN_AVX2)
#if !defined(__AVX2__) || !defined(__FMA__)
#error "the avx2 kernels want -mavx2 -mfma"
#endif
#include <immintrin.h>
#define VECTOR_BYTES 32
#elif defined(CYRNN_NEON)
#if !defined(__aarch64__)
#error "the neon kernels are for aarch64"
#endif
#include <arm_neon.h>
#define VECTOR_BYTES 16
#elif defined(CYRNN_BASELINE) && defined(__GNUC__)
#define VECTOR_BYTES 16
#elif !defined(CYRNN_ONE_LANE) && !defined(CYRNN_BASELINE)
#error "name one ISA: CYRNN_AVX512, CYRNN_AVX2, CYRNN_NEON, CYRNN_WASM, CYRNN_BASELINE or CYRNN_ONE_LANE"
#endif

#ifdef VECTOR_BYTES
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(real)))
typedef real vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef bits ivec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef real vec_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
#else
#define LANES ((ptrdiff_t)1)
typedef real vec;
typedef bits ivec;
#endif
#define MAX_LANES 16                      /* of any ISA and dtype */
#if defined(CYRNN_AVX512) || defined(CYRNN_NEON)
#define TILE_ROWS ((ptrdiff_t)6)          /* 6 x 4 sums fit the 32 vector registers, 3 x 4 fit 16 */
#else
#define TILE_ROWS ((ptrdiff_t)3)
#endif

#ifdef CYRNN_AVX512
#if CYRNN_DOUBLE
typedef __mmask8 mask;
#define X86(op) _mm512_##op##_pd
#define X86M(op) _mm512_##op##_pd_mask
typedef __m512d x86;
#else
typedef __mmask16 mask;
#define X86(op) _mm512_##op##_ps
#define X86M(op) _mm512_##op##_ps_mask
typedef __m512 x86;
#endif
#else
typedef ivec mask;
#endif
#ifdef CYRNN_AVX2
#if CYRNN_DOUBLE
#define X86(op) _mm256_##op##_pd
typedef __m256d x86;
#else
#define X86(op) _mm256_##op##_ps
typedef __m256 x86;
#endif
#endif

/* ---- memory --------------------------------------------------------------------------------------------- */
#ifdef VECTOR_BYTES
LANE_OP vec load(const real *p) { return *(const vec_unaligned *)p; }
LANE_OP void store(real *p, vec v) { *(vec_unaligned *)p = v; }
LANE_OP vec splat(real s) { return s - (vec){0}; }                 /* s - 0 is s, -0.0 included */
LANE_OP ivec isplat(bits s) { return s - (ivec){0}; }
LANE_OP ivec as_bits(vec v) { return (ivec)v; }
LANE_OP vec as_real(ivec v) { return (vec)v; }
#else
LANE_OP vec load(const real *p) { return *p; }
LANE_OP void store(real *p, vec v) { *p = v; }
LANE_OP vec splat(real s) { return s; }
LANE_OP ivec isplat(bits s) { return s; }
LANE_OP ivec as_bits(vec v) { ivec i; memcpy(&i, &v, sizeof i); return i; }
LANE_OP vec as_real(ivec i) { vec v; memcpy(&v, &i, sizeof v); return v; }
#endif

/* The first n of LANES elements, 0 <= n < LANES, on x86 LANES, too; the other lanes read as zero and are not
 * touched in memory. */
#if defined(CYRNN_AVX512)
#define FIRST(n) ((mask)((1u << (n)) - 1u))
LANE_OP vec load_first(const real *p, ptrdiff_t n) { return (vec)X86(maskz_loadu)(FIRST(n), p); }
LANE_OP void store_first(real *p, vec v, ptrdiff_t n) { X86(mask_storeu)(p, FIRST(n), (x86)v); }
#elif defined(CYRNN_AVX2)
static const bits first_lanes[16] __attribute__((unused)) = {
#if CYRNN_DOUBLE
    -1, -1, -1, -1, 0, 0, 0, 0
#else
    -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0
#endif
};
#define FIRST(n) _mm256_loadu_si256((const __m256i *)(first_lanes + LANES - (n)))
LANE_OP vec load_first(const real *p, ptrdiff_t n) { return (vec)X86(maskload)(p, FIRST(n)); }
LANE_OP void store_first(real *p, vec v, ptrdiff_t n) { X86(maskstore)(p, FIRST(n), (x86)v); }
#else
LANE_OP vec load_first(const real *p, ptrdiff_t n) {
    real part[MAX_LANES] = {0};
    for (ptrdiff_t i = 0; i < n; i++) part[i] = p[i];
    return load(part);
}
LANE_OP void store_first(real *p, vec v, ptrdiff_t n) {
    real part[MAX_LANES];
    store(part, v);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = part[i];
}
#endif

/* out[i] = p[i * stride], one by one: clang's own vectors, and the questions before them, take longer for a few. */
LANE_OP void gather(const real *p, ptrdiff_t stride, ptrdiff_t n, real *out) {
#if defined(__clang__)
#pragma clang loop vectorize(disable) unroll(disable)
#endif
    for (ptrdiff_t i = 0; i < n; i++) out[i] = p[i * stride];
}

/* rows[i] = the first n of LANES elements, 0 < n <= LANES, of row i of `count` rows; zero the other lanes and rows. Rows
 * that are not there are read from zeros: with a branch for each, clang takes the square through the stack. */
LANE_OP void load_rows(const real *p, ptrdiff_t row_stride, ptrdiff_t count, ptrdiff_t n, vec *rows) {
    static const real zeros[MAX_LANES] = {0};
    UNROLL_BY_CLANG for (ptrdiff_t i = 0; i < LANES; i++) {
        const real *row = i < count ? p + i * row_stride : zeros;
#if defined(CYRNN_AVX512) || defined(CYRNN_AVX2)
        rows[i] = load_first(row, n);
#else
        rows[i] = n == LANES ? load(row) : load_first(row, n);
#endif
    }
}

/* ---- arithmetic ----------------------------------------------------------------------------------------- */
/* a * b + c, rounded once (baseline: twice). */
#if defined(CYRNN_AVX512) || defined(CYRNN_AVX2)
LANE_OP vec fma_(vec a, vec b, vec c) { return (vec)X86(fmadd)((x86)a, (x86)b, (x86)c); }
#elif defined(CYRNN_NEON) && CYRNN_DOUBLE
LANE_OP vec fma_(vec a, vec b, vec c) { return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b); }
#elif defined(CYRNN_NEON)
LANE_OP vec fma_(vec a, vec b, vec c) { return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#elif defined(CYRNN_BASELINE)
LANE_OP vec fma_(vec a, vec b, vec c) { return a * b + c; }
#elif CYRNN_DOUBLE
LANE_OP vec fma_(vec a, vec b, vec c) { return fma_of_doubles(a, b, c); }
#else
LANE_OP vec fma_(vec a, vec b, vec c) { return fma_of_floats(a, b, c); }
#endif

/* Comparisons are false where either side is nan. select_(m, a, b) is a where m, else b. */
#if defined(CYRNN_AVX512)
LANE_OP mask less(vec a, vec b) { return X86M(cmp)((x86)a, (x86)b, _CMP_LT_OQ); }
LANE_OP vec select_(mask m, vec a, vec b) { return (vec)X86(mask_blend)(m, (x86)b, (x86)a); }
#elif defined(VECTOR_BYTES)
LANE_OP mask less(vec a, vec b) { return (mask)(a < b); }
LANE_OP vec select_(mask m, vec a, vec b) { return (vec)((m & (ivec)a) | (~m & (ivec)b)); }
#else
LANE_OP mask less(vec a, vec b) { return a < b; }
LANE_OP vec select_(mask m, vec a, vec b) { return m ? a : b; }
#endif
/* b where b is nan or where neither is the larger: what x86's own max and min do, so spelled alike everywhere. */
#if defined(CYRNN_AVX512) || defined(CYRNN_AVX2)
LANE_OP vec max_(vec a, vec b) { return (vec)X86(max)((x86)a, (x86)b); }
LANE_OP vec min_(vec a, vec b) { return (vec)X86(min)((x86)a, (x86)b); }
#else
LANE_OP vec max_(vec a, vec b) { return select_(less(b, a), a, b); }
LANE_OP vec min_(vec a, vec b) { return select_(less(a, b), a, b); }
#endif

/* ---- transposition, for packing ------------------------------------------------------------------------- */
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
    UNROLL_BY_CLANG for (ptrdiff_t i = 0; i < LANES; i++)                                          \
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
    UNROLL_BY_CLANG for (ptrdiff_t i = 0; i < PIECE; i++)
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
LANE_OP void load_columns(const real *p, ptrdiff_t row_stride, vec *columns) {
    load_pieces(p, row_stride, columns);
#if defined(CYRNN_AVX512)
    load_pieces(p + COLUMNS * row_stride, row_stride, columns + PIECE);
    UNROLL_BY_CLANG for (ptrdiff_t k = 0; k < PIECE; k++) {
        vec upper = columns[k], lower = columns[PIECE + k];
        columns[k] = __builtin_shufflevector(upper, lower, LANE_LIST(PIECES, 0));
        columns[PIECE + k] = __builtin_shufflevector(upper, lower, LANE_LIST(PIECES, 1));
    }
#endif
}
#else
#define COLUMNS LANES
LANE_OP void load_columns(const real *p, ptrdiff_t row_stride, vec *columns) {
    UNROLL_BY_CLANG for (ptrdiff_t i = 0; i < LANES; i++) columns[i] = load(p + i * row_stride);
    transpose(columns);
}
#endif

#endif
