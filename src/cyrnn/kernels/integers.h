/* Integer vectors: products of integer weights and activations, summed exactly in 32 bits, and tiles of such sums.
 *
 * Weights are int8 or int16, and so are the activations that meet them: the widths are `width` below, a constant at
 * every place. A group is as many neighbours in k as fill 32 bits, GROUP(width) of them: one load fills all lanes with
 * a group of activations, and each lane holds a group of its own unit's weights.
 *     dot(sums, group, weights, width)     each lane: sums + group times weights
 * Sums wrap and are exact in the end (calls/quantized.py sees to it), so any order and any instruction gives the same
 * bits. Where the ISA has no product of bytes that sums in 32 bits, INT8 is 0 and weights of a byte are packed as
 * int16: AVX-512 has one with VNNI, ARM with dotprod; AVX2 builds it of three.
 * VNNI multiplies bytes without a sign by bytes with one. Activations are raised by RAISED(width) to have none there, and
 * sums start from -RAISED(width) times the sum of a row's weights.
 */
#ifndef CYRNN_INTEGERS_H
#define CYRNN_INTEGERS_H
#include "tiles.h"
#if defined(CYRNN_BASELINE) && defined(__SSE2__)
#include <emmintrin.h>
#endif

#define GROUP(width) ((width) == 1 ? 4 : 2)
#ifdef VECTOR_BYTES
#define WEIGHT_VECTOR ((ptrdiff_t)VECTOR_BYTES) /* bytes */
#else
#define WEIGHT_VECTOR ((ptrdiff_t)4)
#endif
/* Where weight k of a group and unit `lane` stand in their vector, counted in weights. */
#define IN_VECTOR(k, lane, width) ((lane) * GROUP(width) + (k))
#define INT8 0
#define RAISED(width) 0

/* gcc 12 copies sums from register to register around the intrinsics of VNNI: 1.4 to 1.8 times the time (Zen 4). */
#if defined(CYRNN_AVX512)
#ifndef __AVX512VNNI__
#error "the integer kernels for avx512 want -mavx512vnni"
#endif
#undef INT8
#define INT8 1
#undef RAISED
#define RAISED(width) ((width) == 1 ? 128 : 0)
LANE_OP ivec dot(ivec sums, ivec group, ivec weights, int width) {
    if (width == 1)
        __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(group), "v"(weights));
    else
        __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(group), "v"(weights));
    return sums;
}
LANE_OP vec real_of(ivec sums) { return (vec)_mm512_cvtepi32_ps((__m512i)sums); }
LANE_OP void store_bytes(void *p, ivec q) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)q)); }
LANE_OP void store_pairs(void *p, ivec q) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16((__m512i)q)); }
LANE_OP ivec max_bits(ivec a, ivec b) { return (ivec)_mm512_max_epi32((__m512i)a, (__m512i)b); }
LANE_OP bits max_lane(ivec a) { return (bits)_mm512_reduce_max_epi32((__m512i)a); }

#elif defined(CYRNN_AVX2)
#undef INT8
#define INT8 1
LANE_OP ivec dot(ivec sums, ivec group, ivec weights, int width) {
    __m256i a = (__m256i)group, w = (__m256i)weights, products;
    if (width == 1)                       /* pairs are at most 2 * 127 * 127, which 16 bits hold */
        products = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(w, a)),
                                     _mm256_set1_epi16(1));
    else
        products = _mm256_madd_epi16(a, w);
    return sums + (ivec)products;
}
LANE_OP vec real_of(ivec sums) { return (vec)_mm256_cvtepi32_ps((__m256i)sums); }
LANE_OP __m128i pairs_of(ivec q) {
    return _mm_packs_epi32(_mm256_castsi256_si128((__m256i)q), _mm256_extracti128_si256((__m256i)q, 1));
}
LANE_OP void store_bytes(void *p, ivec q) {
    __m128i pairs = pairs_of(q);
    _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(pairs, pairs));
}
LANE_OP void store_pairs(void *p, ivec q) { _mm_storeu_si128((__m128i *)p, pairs_of(q)); }
LANE_OP ivec max_bits(ivec a, ivec b) { return (ivec)_mm256_max_epi32((__m256i)a, (__m256i)b); }
LANE_OP bits max_lane(ivec a) {
    __m128i half = _mm_max_epi32(_mm256_castsi256_si128((__m256i)a), _mm256_extracti128_si256((__m256i)a, 1));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return (bits)_mm_cvtsi128_si32(half);
}

#elif defined(CYRNN_NEON)
#ifdef __ARM_FEATURE_DOTPROD
#undef INT8
#define INT8 1
#endif
/* The two weights of a lane are LANES apart: a multiplication takes all lanes at one k. */
#undef IN_VECTOR
#define IN_VECTOR(k, lane, width) ((width) == 1 ? (lane) * 4 + (k) : (k) * LANES + (lane))
LANE_OP ivec dot(ivec sums, ivec group, ivec weights, int width) {
#ifdef __ARM_FEATURE_DOTPROD
    if (width == 1) return (ivec)vdotq_s32((int32x4_t)sums, (int8x16_t)weights, (int8x16_t)group);
#endif
    int16x4_t a = vget_low_s16((int16x8_t)group);
    int16x8_t w = (int16x8_t)weights;
    (void)width;
    return (ivec)vmlal_lane_s16(vmlal_lane_s16((int32x4_t)sums, vget_low_s16(w), a, 0), vget_high_s16(w), a, 1);
}
LANE_OP vec real_of(ivec sums) { return (vec)vcvtq_f32_s32((int32x4_t)sums); }
LANE_OP void store_pairs(void *p, ivec q) { vst1_s16((int16_t *)p, vmovn_s32((int32x4_t)q)); }
LANE_OP void store_bytes(void *p, ivec q) {
    int16x4_t pairs = vmovn_s32((int32x4_t)q);
    vst1_lane_u32((uint32_t *)p, (uint32x2_t)vmovn_s16(vcombine_s16(pairs, pairs)), 0);
}
LANE_OP ivec max_bits(ivec a, ivec b) { return (ivec)vmaxq_s32((int32x4_t)a, (int32x4_t)b); }
LANE_OP bits max_lane(ivec a) { return (bits)vmaxvq_s32((int32x4_t)a); }

#else
LANE_OP ivec dot(ivec sums, ivec group, ivec weights, int width) {
    (void)width;
#ifdef __SSE2__
    return sums + (ivec)_mm_madd_epi16((__m128i)group, (__m128i)weights);
#else
    int16_t a[2 * LANES], w[2 * LANES];
    bits total[LANES];
    memcpy(a, &group, sizeof a);
    memcpy(w, &weights, sizeof w);
    memcpy(total, &sums, sizeof total);
    for (ptrdiff_t i = 0; i < LANES; i++) total[i] += (bits)(a[2 * i] * w[2 * i]) + (bits)(a[2 * i + 1] * w[2 * i + 1]);
    memcpy(&sums, total, sizeof total);
    return sums;
#endif
}
LANE_OP vec real_of(ivec sums) {
    int32_t from[LANES];
    real to[LANES];
    memcpy(from, &sums, sizeof from);
    for (ptrdiff_t i = 0; i < LANES; i++) to[i] = (real)from[i];
    return load(to);
}
LANE_OP void store_pairs(void *p, ivec q) {
    bits from[LANES];
    int16_t to[LANES];
    memcpy(from, &q, sizeof from);
    for (ptrdiff_t i = 0; i < LANES; i++) to[i] = (int16_t)from[i];
    memcpy(p, to, sizeof to);
}
LANE_OP void store_bytes(void *p, ivec q) { (void)p, (void)q; }
LANE_OP ivec max_bits(ivec a, ivec b) {
    bits left[LANES], right[LANES];
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    for (ptrdiff_t i = 0; i < LANES; i++) left[i] = left[i] < right[i] ? right[i] : left[i];
    memcpy(&a, left, sizeof left);
    return a;
}
LANE_OP bits max_lane(ivec a) {
    bits lane[LANES], max = 0;
    memcpy(lane, &a, sizeof lane);
    for (ptrdiff_t i = 0; i < LANES; i++) max = max < lane[i] ? lane[i] : max;
    return max;
}
#endif

/* ---- activations ---------------------------------------------------------------------------------------- */
/* x * levels, rounded to the nearest integer, ties to even; |x * levels| < 2^22. */
#define ROUNDER_BITS 0x4b400000u          /* of 1.5 * 2^23, above which floats are 1 apart */
LANE_OP ivec nearest(vec x, vec levels, int width) {
    return as_bits(fma_(x, levels, splat(0x1.8p+23f))) - isplat(ROUNDER_BITS - RAISED(width));
}
LANE_OP void store_integers(char *p, ivec q, int width) {
    if (width == 1)
        store_bytes(p, q);
    else
        store_pairs(p, q);
}
LANE_OP ivec magnitude_bits(vec x) { return as_bits(x) & isplat(~((bits)1 << 31)); }

/* ---- weights -------------------------------------------------------------------------------------------- */
LANE_OP ivec load_weights(const char *p) {
#ifdef VECTOR_BYTES
    typedef ivec unaligned __attribute__((aligned(1)));
    return *(const unaligned *)p;
#else
    ivec v;
    memcpy(&v, p, sizeof v);
    return v;
#endif
}
LANE_OP ivec load_sums(const int32_t *p) { return as_bits(load((const real *)p)); }
LANE_OP ivec splat_group(const char *p) {
    bits group;
    memcpy(&group, p, sizeof group);
    return isplat(group);
}

/* ---- tiles: sums (R, P, V), as tiles.h has them ---------------------------------------------------------- */
/* From `starts` (P, V), or where NULL from zero: the same for all rows. */
LANE_OP void sums_start(ivec *sums, const int32_t *starts, ptrdiff_t R, ptrdiff_t P, ptrdiff_t V, int width) {
    UNROLL for (ptrdiff_t i = 0; i < P * V; i++) {
        ivec start = RAISED(width) ? load_sums(starts + i * LANES) : isplat(0);
        UNROLL for (ptrdiff_t r = 0; r < R; r++) sums[r * P * V + i] = start;
    }
}

/* Sums (R, V) that go on later, in rows of z. */
LANE_OP void sums_load(ivec *sums, const real *z, ptrdiff_t row_stride, ptrdiff_t R, ptrdiff_t V) {
    UNROLL for (ptrdiff_t r = 0; r < R; r++)
        UNROLL for (ptrdiff_t v = 0; v < V; v++) sums[r * V + v] = as_bits(load(z + r * row_stride + v * LANES));
}
LANE_OP void sums_store(const ivec *sums, real *z, ptrdiff_t row_stride, ptrdiff_t R, ptrdiff_t V) {
    UNROLL for (ptrdiff_t r = 0; r < R; r++)
        UNROLL for (ptrdiff_t v = 0; v < V; v++) store(z + r * row_stride + v * LANES, as_real(sums[r * V + v]));
}

/* sums += one group of k: rows[r * row_stride] times the weights (P, V) at `panel`. Strides in bytes. */
LANE_OP void sums_dot(ivec *sums, const char *rows, ptrdiff_t row_stride, const char *panel, ptrdiff_t panel_stride,
                      ptrdiff_t R, ptrdiff_t P, ptrdiff_t V, int width) {
    ivec weights[MAX_TILE];
    if (R > 1)
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++)
                weights[p * V + v] = load_weights(panel + p * panel_stride + v * WEIGHT_VECTOR);
    UNROLL for (ptrdiff_t r = 0; r < R; r++) {
        ivec group = splat_group(rows + r * row_stride);
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++) {
                ptrdiff_t i = (r * P + p) * V + v;
                ivec w = R > 1 ? weights[p * V + v] : load_weights(panel + p * panel_stride + v * WEIGHT_VECTOR);
                sums[i] = dot(sums[i], group, w, width);
            }
    }
}

/* z (R, P, V) = start + sums scale: `scale` (P, V) of units, without gaps, times row_scale[r]. Strides of z are those of
 * rows, panels and vectors; start has no gaps between vectors and may be the same memory if z has none. */
LANE_OP void sums_scale(const ivec *sums, const real *scale, const real *row_scale, const real *start,
                        ptrdiff_t start_row_stride, ptrdiff_t start_panel_stride, real *z, ptrdiff_t z_row_stride,
                        ptrdiff_t z_panel_stride, ptrdiff_t z_vector_stride, ptrdiff_t R, ptrdiff_t P, ptrdiff_t V) {
    UNROLL for (ptrdiff_t r = 0; r < R; r++)
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++) {
                vec s = load(scale + (p * V + v) * LANES) * splat(row_scale[r]);
                vec from = load(start + r * start_row_stride + p * start_panel_stride + v * LANES);
                store(z + r * z_row_stride + p * z_panel_stride + v * z_vector_stride,
                      fma_(real_of(sums[(r * P + p) * V + v]), s, from));
            }
}

#endif
