/* Vector types and their few operations, one set of names for every ISA.
 *
 * Each kernel module is compiled for one dtype and one ISA. setup.py says which, with
 *     CYRNN_DOUBLE                0 for float32, 1 for float64
 *     CYRNN_AVX512 | CYRNN_AVX2 | CYRNN_NEON | CYRNN_NEONDOT | CYRNN_WASM | CYRNN_BASELINE | CYRNN_ONE_LANE
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
#ifdef CYRNN_NEONDOT
#define CYRNN_NEON
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

/* The first n of LANES elements, 0 < n < LANES, and zeros. */
#if defined(CYRNN_AVX512)
LANE_OP vec keep_first(vec v, ptrdiff_t n) { return (vec)X86(maskz_mov)(FIRST(n), (x86)v); }
#elif defined(CYRNN_AVX2)
LANE_OP vec keep_first(vec v, ptrdiff_t n) { return (vec)((ivec)v & (ivec)FIRST(n)); }
#else
LANE_OP vec keep_first(vec v, ptrdiff_t n) {
    real part[MAX_LANES];
    store(part, v);
    return load_first(part, n);
}
#endif

/* out[i] = p[i * stride], one by one: clang's own vectors, and the questions before them, take longer for a few. */
LANE_OP void gather(const real *p, ptrdiff_t stride, ptrdiff_t n, real *out) {
#if defined(__clang__)
#pragma clang loop vectorize(disable) unroll(disable)
#endif
    for (ptrdiff_t i = 0; i < n; i++) out[i] = p[i * stride];
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

/* The square root, correctly rounded. */
#if defined(CYRNN_AVX512) || defined(CYRNN_AVX2)
LANE_OP vec sqrt_(vec v) { return (vec)X86(sqrt)((x86)v); }
#elif defined(CYRNN_NEON) && CYRNN_DOUBLE
LANE_OP vec sqrt_(vec v) { return (vec)vsqrtq_f64((float64x2_t)v); }
#elif defined(CYRNN_NEON)
LANE_OP vec sqrt_(vec v) { return (vec)vsqrtq_f32((float32x4_t)v); }
#else
LANE_OP vec sqrt_(vec v) {
    real each[MAX_LANES];
    store(each, v);
    for (ptrdiff_t i = 0; i < LANES; i++) each[i] = CYRNN_DOUBLE ? (real)sqrt((double)each[i]) : (real)sqrtf((float)each[i]);
    return load(each);
}
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

#endif
