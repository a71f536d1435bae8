/* a * b + c of floats, rounded once, by instructions that every CPU has.
 *
 * C's own fmaf is not to be relied on: from Emscripten 3.1.6 it rounds halves the wrong way, 31 of 200,000 cases chosen
 * to be hard, as its musl wants a rounding mode for them that WebAssembly lacks; from 4.0.9, in Pyodide 0.29, none of
 * them. Its fma of doubles is made of integers: none of five million was wrong.
 *
 * The product of two floats is exact in double, and the error of the sum known (TwoSum). Where there is one, the sum
 * becomes that of its two neighbours whose last bit is 1: rounded to odd. As 53 bits are at least two more than any
 * float has, subnormals included, rounding it to float gives what a single rounding would (Boldo and Melquiond, IEEE
 * Transactions on Computers 57(4), 2008). No double overflows or is subnormal here. Where a sum is inf or nan, its
 * error is nan, which neither comparison takes for one. */
#ifndef CYRNN_FMA_H
#define CYRNN_FMA_H

#include <stdint.h>
#include <string.h>

static inline float fma_of_floats(float a, float b, float c) {
    double product = (double)a * (double)b, addend = (double)c, sum = product + addend;
    double part = sum - product, error = (product - (sum - part)) + (addend - part);
    int64_t bits_of_sum;
    memcpy(&bits_of_sum, &sum, sizeof sum);
    if ((error < 0 || error > 0) && !(bits_of_sum & 1)) bits_of_sum += (error > 0) == (sum > 0) ? 1 : -1;
    memcpy(&sum, &bits_of_sum, sizeof sum);
    return (float)sum;
}

#endif
