/* Constants of activations.pxi, one set per dtype. Polynomials begin with the highest power, for Horner.
 *
 * ci/accuracy/generate.py finds and prints those marked [g]; ci/accuracy/measure.py measures what they give.
 * "adds d ULP" is what rounding nowhere else would leave of the error.
 */
#ifndef CYRNN_COEFFICIENTS_H
#define CYRNN_COEFFICIENTS_H
#include "lanes.h"

#if CYRNN_DOUBLE
#define MANTISSA 52
#define BIAS 1023
#define ROUNDER 0x1.8p+52
#define EXP_MAX 710.0
#define EXP_MIN -1417.5
#define LN2_HI 0x1.62e42fee00000p-1         /* [g] 32 bits, so that n * LN2_HI is exact */
#define LN2_LO 0x1.a39ef35793c76p-33        /* [g] HI + LO = ln 2 to 2^-86 */
#define TANH_MAX 19.065                     /* tanh is 1 to within half an ULP from 19.0616 on */
#define TANH_SLOPE 0x1.6ce2137893747p+1     /* [g] */
#define TERMS 10
#define ROOT_HALF 0x3fe6a09e667f3bcdULL      /* sqrt(1/2), its bits */
#define LOG_TERMS 10
/* (atanh(s) / s - 1) 2 / s^2, its series: 2/21, 2/19, ..., 2/3, |s| < 0.172; adds 0.1 ULP */
static const real LOG_Q[LOG_TERMS] = {
    2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3,
};
/* exp(r) = 1 + r + r^2 q(r), |r| <= ln2/2; adds 0.017 ULP [g] */
static const real EXP_Q[TERMS] = {
    0x1.ad9f21c68cc19p-26, 0x1.28ad7385c3c69p-22, 0x1.71df0d2ddc035p-19, 0x1.a01999f6e8a58p-16,
    0x1.a01a0137bc8d1p-13, 0x1.6c16c18440f31p-10, 0x1.1111111124902p-7,  0x1.5555555550780p-5,
    0x1.555555555550bp-3,  0x1.000000000000ap-1,
};
/* (1 - exp(-2r))/2 = r + r^2 q(r), -0.17 <= r <= 0.40, less what HALF_LN2 is off; adds 0.19 ULP [g] */
static const real TANH_Q[TERMS] = {
    0x1.a830a6b8c08bap-16, -0x1.289175cbd20e0p-13, 0x1.71e19e4012517p-11, -0x1.a019b94816603p-9,
    0x1.a01a008e05392p-7,  -0x1.6c16c1788421ap-5,  0x1.11111111239e8p-3,  -0x1.5555555553995p-2,
    0x1.55555555555f8p-1,  -0x1.0000000000007p+0,
};
#else
#define MANTISSA 23
#define BIAS 127
#define ROUNDER 0x1.8p+23f
#define EXP_MAX 89.0f
#define EXP_MIN -175.4f
#define LN2_HI 0x1.62e400p-1f               /* [g] 15 bits, so that n * LN2_HI is exact */
#define LN2_LO 0x1.7f7d1cp-20f              /* [g] HI + LO = ln 2 to 2^-44 */
#define TANH_MAX 9.015f                     /* tanh is 1 to within half an ULP from 9.0110 on */
#define TANH_SLOPE 0x1.67c188p+1f           /* [g] */
#define TERMS 5
#define ROOT_HALF 0x3f3504f3U
#define LOG_TERMS 4
static const real LOG_Q[LOG_TERMS] = {2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3};
/* exp(r) = 1 + r + r^2 q(r), |r| <= ln2/2; adds 0.026 ULP [g] */
static const real EXP_Q[TERMS] = {
    0x1.6a504ap-10f, 0x1.123974p-7f, 0x1.5558acp-5f, 0x1.555492p-3f, 0x1.fffffcp-2f,
};
/* (1 - exp(-2r))/2 = r + r^2 q(r), -0.17 <= r <= 0.40, less what HALF_LN2 is off; adds 0.12 ULP [g] */
static const real TANH_Q[TERMS] = {
    -0x1.635818p-5f, 0x1.1233d8p-3f, -0x1.5560fcp-2f, 0x1.555494p-1f, -0x1.fffff2p-1f,
};
#endif

#define LOG2E ((real)0x1.71547652b82fep+0)
#define HALF_LN2 ((real)0x1.62e42fefa39efp-2)
#define SIGN ((bits)1 << (8 * sizeof(real) - 1))
#define EXPONENT (-((bits)1 << MANTISSA))     /* with the sign, which is clear where it is used */
#define LIFT (BIAS - 1)
#define UNLIFT (CYRNN_DOUBLE ? (real)0x1p-1022 : (real)0x1p-126)    /* 2^-LIFT */
#endif
