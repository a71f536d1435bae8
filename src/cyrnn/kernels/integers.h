/* Integer vectors: products of integer weights and activations, summed exactly in 32 bits, and tiles of such sums.
 *
 * Packed weights are of 1 or 2 bytes: `width`, a constant at every place; or SPLIT: of 2 bytes, and the activations that
 * meet them are in two planes, q = 256 high + low, which have a sum each. Activations are of ROW_WIDTH(width) bytes. A group is as many neighbours in k as fill 32 bits of a row, GROUP(width) of them: one load
 * fills all lanes with a group of activations, and each lane has a group of its own unit's weights.
 *     dot(sums, group, weights, width)     each lane: sums + group times weights
 * Sums wrap and are exact in the end (calls/quantized.py sees to it), so any order and any instruction gives the same
 * bits. Products of bytes that sum in 32 bits have AVX-512 with VNNI and ARM with dotprod. AVX2 widens bytes on their way
 * to a register: its product of bytes (vpmaddubsw of |q| and vpsignb(w, q)) takes three instructions of the units that
 * multiply: LSTM (128,128,8,64) 1.16 ms, 1.10 so (Zen 4, 2026-11-29). Where INT8 is 0 weights of a byte are packed as
 * int16.
 * VNNI multiplies bytes without a sign by bytes with one. Activations are raised by RAISED(width) to have none there, and
 * sums start from -RAISED(width) times the sum of a row's weights.
 */
#ifndef CYRNN_INTEGERS_H
#define CYRNN_INTEGERS_H
#include "run.h"
#include "tiles.h"
#if defined(CYRNN_BASELINE) && defined(__SSE2__) && defined(VECTOR_BYTES)
#include <emmintrin.h>
#endif

#define PLANES(width) ((width) == SPLIT ? 2 : 1)
#define WEIGHT_BYTES(width) ((width) == 1 ? 1 : 2)
#if defined(CYRNN_AVX512) || defined(CYRNN_NEONDOT)
#define ROW_WIDTH(width) WEIGHT_BYTES(width)
#else
#define ROW_WIDTH(width) 2
#endif
#if defined(CYRNN_AVX512) || defined(CYRNN_AVX2) || defined(CYRNN_NEONDOT)
#define INT8 1
#else
#define INT8 0
#endif
#ifdef CYRNN_AVX512
#define RAISED(width) ((width) == 1 ? 128 : 0)
#else
#define RAISED(width) 0
#endif
#define GROUP(width) (4 / ROW_WIDTH(width))
#define WEIGHT_VECTOR(width) (LANES * GROUP(width) * WEIGHT_BYTES(width)) /* bytes */
/* Where weight k of a group and unit `lane` stand in their vector, counted in weights. ARM: the two int16 of a lane are
 * LANES apart, since a multiplication there takes all lanes at one k. */
#ifdef CYRNN_NEON
#define IN_VECTOR(k, lane, width) ((width) == 1 ? (lane) * GROUP(width) + (k) : (k) * LANES + (lane))
#else
#define IN_VECTOR(k, lane, width) ((lane) * GROUP(width) + (k))
#endif

/* gcc 12 copies sums from register to register around the intrinsics of VNNI: 1.4 to 1.8 times the time (Zen 4). */
#if defined(CYRNN_AVX512)
#ifndef __AVX512VNNI__
#error "the integer kernels for avx512 want -mavx512vnni"
#endif
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
LANE_OP ivec dot(ivec sums, ivec group, ivec weights, int width) {
    (void)width;
    return sums + (ivec)_mm256_madd_epi16((__m256i)group, (__m256i)weights);
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
#if defined(CYRNN_NEONDOT) && !defined(__ARM_FEATURE_DOTPROD)
#error "the integer kernels for neondot want the extension dotprod"
#endif
LANE_OP ivec dot(ivec sums, ivec group, ivec weights, int width) {
#ifdef CYRNN_NEONDOT
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
#if defined(CYRNN_BASELINE) && defined(__SSE2__) && defined(VECTOR_BYTES)
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
    (void)width;
    return as_bits(fma_(x, levels, splat(0x1.8p+23f))) - isplat(ROUNDER_BITS - RAISED(width));
}
LANE_OP void store_integers(char *p, ivec q, int row_width) {
    if (row_width == 1)
        store_bytes(p, q);
    else
        store_pairs(p, q);
}
/* The planes of q, |q| < 2^15: high + low / 256, low from -128 to 127. */
LANE_OP ivec high_plane(ivec q) { return ((q + isplat((1u << 23) + 128)) >> 8) - isplat(1u << 15); }
LANE_OP ivec low_plane(ivec q, ivec high) { return q - (high << 8); }
LANE_OP ivec magnitude_bits(vec x) { return as_bits(x) & isplat(~((bits)1 << 31)); }

/* ---- weights -------------------------------------------------------------------------------------------- */
/* A vector may alias anything, a lone `real` may not. */
LANE_OP ivec load_integers(const void *p) {
#ifdef VECTOR_BYTES
    return as_bits(load((const real *)p));
#else
    ivec v;
    memcpy(&v, p, sizeof v);
    return v;
#endif
}
LANE_OP ivec load_weights(const char *p, int width) {
#if defined(CYRNN_AVX2)
    if (width == 1) return (ivec)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
#endif
    (void)width;
    return load_integers(p);
}
/* Whether bytes are widened on their way to a register: then many rows want a panel widened once. */
#ifdef CYRNN_AVX2
#define WIDENS(width) ((width) == 1)
#else
#define WIDENS(width) 0
#endif
/* out: so many vectors of weights of one byte, of two bytes each. */
LANE_OP void widen_weights(const char *panel, ptrdiff_t count, char *out) {
    for (ptrdiff_t i = 0; i < count; i++)
        store((real *)(out + i * WEIGHT_VECTOR(2)), as_real(load_weights(panel + i * WEIGHT_VECTOR(1), 1)));
}
LANE_OP ivec splat_group(const char *p) {
    bits group;
    memcpy(&group, p, sizeof group);
    return isplat(group);
}

/* The same, loaded here and nowhere else: a broadcast from memory costs no unit that multiplies. */
LANE_OP ivec splat_group_here(const char *p) {
#ifdef CYRNN_AVX2
    ivec group;
    __asm__ volatile("vpbroadcastd %1, %0" : "=x"(group) : "m"(*(const char(*)[4])p));
    return group;
#else
    return splat_group(p);
#endif
}
/* How many rows' groups stay in registers. Of 16 one more is taken by a product, and one by weights that are widened. */
#if defined(CYRNN_AVX2) && defined(__clang__) /* which keeps weights in a register, where gcc reads them again */
#define STAYING_GROUPS(sums, width) ((void)(width), (sums) == 12 ? 2 : 3)
#elif defined(CYRNN_AVX2)
#define STAYING_GROUPS(sums, width) ((width) == 1 && (sums) == 12 ? 2 : 3)
#else
#define STAYING_GROUPS(sums, width) MAX_TILE
#endif

/* ---- tiles: sums (R, P, V), as tiles.h has them ---------------------------------------------------------- */
/* From `starts` (P, V), or where NULL from zero: the same for all rows. */
LANE_OP void sums_start(ivec *sums, const int32_t *starts, ptrdiff_t R, ptrdiff_t P, ptrdiff_t V, int width) {
    (void)width;
    UNROLL for (ptrdiff_t i = 0; i < P * V; i++) {
        ivec start = RAISED(width) ? load_integers(starts + i * LANES) : isplat(0);
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
    ivec stay[MAX_TILE];                  /* the fewer, rows or vectors; the others pass through one after the other */
    if (R < P * V) {
        UNROLL for (ptrdiff_t r = 0; r < R; r++) stay[r] = splat_group(rows + r * row_stride);
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++) {
                ivec w = load_weights(panel + p * panel_stride + v * WEIGHT_VECTOR(width), width);
                UNROLL for (ptrdiff_t r = 0; r < R; r++) {
                    ptrdiff_t i = (r * P + p) * V + v;
                    ivec group = r < STAYING_GROUPS(R * P * V, width) ? stay[r]
                                                                      : splat_group_here(rows + r * row_stride);
                    sums[i] = dot(sums[i], group, w, width);
                }
            }
    } else {
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++)
                stay[p * V + v] = load_weights(panel + p * panel_stride + v * WEIGHT_VECTOR(width), width);
        UNROLL for (ptrdiff_t r = 0; r < R; r++) {
            ivec group = splat_group(rows + r * row_stride);
            UNROLL for (ptrdiff_t i = 0; i < P * V; i++)
                sums[r * P * V + i] = dot(sums[r * P * V + i], group, stay[i], width);
        }
    }
    tile_is_summed((const vec *)sums, R, P, V);
}

/* z (R, P, V) = start + sums scale: `scale` (P, V) of units, without gaps, times row_scale[r]. Strides of z are those of
 * rows, panels and vectors; start has no gaps between vectors and may be the same memory if z has none. Of two planes
 * sums are (R, 2, P, V): 256 times the high one is added first. */
LANE_OP void sums_scale(const ivec *sums, const real *scale, const real *row_scale, const real *start,
                        ptrdiff_t start_row_stride, ptrdiff_t start_panel_stride, real *z, ptrdiff_t z_row_stride,
                        ptrdiff_t z_panel_stride, ptrdiff_t z_vector_stride, ptrdiff_t R, ptrdiff_t P, ptrdiff_t V,
                        int width) {
    UNROLL for (ptrdiff_t r = 0; r < R; r++)
        UNROLL for (ptrdiff_t p = 0; p < P; p++)
            UNROLL for (ptrdiff_t v = 0; v < V; v++) {
                vec s = load(scale + (p * V + v) * LANES) * splat(row_scale[r]);
                vec from = load(start + r * start_row_stride + p * start_panel_stride + v * LANES);
                const ivec *sum = sums + ((r * PLANES(width)) * P + p) * V + v;
                if (PLANES(width) == 2) from = fma_(real_of(sum[0]), s * splat(256), from);
                store(z + r * z_row_stride + p * z_panel_stride + v * z_vector_stride,
                      fma_(real_of(sum[(PLANES(width) - 1) * P * V]), s, from));
            }
}

#endif
