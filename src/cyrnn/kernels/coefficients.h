/* Constants of the activations (activations.pxi), one set per dtype; found by ci/accuracy/generate.py.
 * Polynomials are listed from the highest power down, ready for Horner. */
#ifndef CYRNN_COEFFICIENTS_H
#define CYRNN_COEFFICIENTS_H
#include "lanes.h"

#if CYRNN_DOUBLE
#define MANTISSA 52
#define MAGIC 6755399441057790.0 /* 1.5 * 2^52 + 2046 */
#define LN2_HI 0x1.62e42fee00000p-1
#define LN2_LO 0x1.a39ef35793c76p-33
#define EXP_MIN -746.0
#define EXP_MAX 710.0
#define TANH_MAX 20.0
#define TINY 0x1p-512
#define HIGHER 512
#define EXP_TERMS 10
static const real EXP_Q[EXP_TERMS] = {
    0x1.ad7f6e40e0c63p-26, 0x1.28ad72c9d4e2cp-22, 0x1.71df2552b5058p-19, 0x1.a0199a0c6a6efp-16,
    0x1.a01a012a57804p-13, 0x1.6c16c1842a109p-10, 0x1.1111111127be6p-7,  0x1.555555555087cp-5,
    0x1.55555555554fap-3,  0x1.000000000000ap-1};
static const real EXPM1_Q[EXP_TERMS] = {
    0x1.af76a1e004a80p-26, 0x1.28a2a87a10fbcp-22, 0x1.71ddea0a1ee4fp-19, 0x1.a019a689607bdp-16,
    0x1.a01a01b5d71a6p-13, 0x1.6c16c17f36044p-10, 0x1.111111110e6d3p-7,  0x1.55555555520fbp-5,
    0x1.555555555555cp-3,  0x1.0000000000005p-1};
#else
#define MANTISSA 23
#define MAGIC 12583166.0f /* 1.5 * 2^23 + 254 */
#define LN2_HI 0x1.62e4p-1f
#define LN2_LO 0x1.7f7d1cp-20f
#define EXP_MIN -104.0f
#define EXP_MAX 89.0f
#define TANH_MAX 10.0f
#define TINY 0x1p-64f
#define HIGHER 64
#define EXP_TERMS 5
static const real EXP_Q[EXP_TERMS] = {
    0x1.6a2442p-10f, 0x1.1239e2p-7f, 0x1.5558f2p-5f, 0x1.555492p-3f, 0x1.fffffcp-2f};
static const real EXPM1_Q[EXP_TERMS] = {
    0x1.6d9906p-10f, 0x1.1227fcp-7f, 0x1.555486p-5f, 0x1.5554b0p-3f, 0x1.000000p-1f};
#endif

#define LOG2E ((real)0x1.71547652b82fep+0)
#define SIGN_BIT ((bits)1 << (8 * sizeof(real) - 1))
#define HALF_EXPONENT ((bits)-1 << MANTISSA)
#endif
