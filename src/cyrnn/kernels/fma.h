/* a * b + c, rounded once, by instructions that every CPU has.
 *
 * C's own fmaf is not to be relied on: from Emscripten 3.1.6 it rounds halves the wrong way, 31 of 200,000 cases chosen
 * to be hard, as its musl wants a rounding mode for them that WebAssembly lacks; from 4.0.9, in Pyodide 0.29, none of
 * them. Its fma of doubles is right, but made of integers and slow: it is for what the sums here cannot hold.
 *
 * A sum that is inexact becomes that of its two neighbours whose last bit is 1: rounded to odd. If it has at least two
 * bits more than the result, or is a small part of it, rounding that once more gives what a single rounding would (Boldo
 * and Melquiond, IEEE Transactions on Computers 57(4), 2008, whose emulated fma this is). */
#ifndef CYRNN_FMA_H
#define CYRNN_FMA_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* x + y = *sum + *error, exactly (TwoSum). Where the sum is inf or nan, so the error is nan. */
static inline void exact_sum(double x, double y, double *sum, double *error) {
    double s = x + y, part = s - x;
    *sum = s;
    *error = (x - (s - part)) + (y - part);
}

/* x + y rounded to odd; neither comparison takes nan for an error. */
static inline double sum_to_odd(double x, double y) {
    double sum, error;
    int64_t bits_of_sum;
    exact_sum(x, y, &sum, &error);
    memcpy(&bits_of_sum, &sum, sizeof sum);
    if ((error < 0 || error > 0) && !(bits_of_sum & 1)) bits_of_sum += (error > 0) == (sum > 0) ? 1 : -1;
    memcpy(&sum, &bits_of_sum, sizeof sum);
    return sum;
}

/* The product of floats is exact in double; 53 bits are two more than any float has, subnormals included. */
static inline float fma_of_floats(float a, float b, float c) {
    return (float)sum_to_odd((double)a * (double)b, (double)c);
}

static inline int exponent_of(double x) {
    uint64_t bits_of_x;
    memcpy(&bits_of_x, &x, sizeof x);
    return (int)(bits_of_x >> 52 & 0x7ff);
}

/* The upper 26 bits of x, |x| < 2**970; the rest has as many (Veltkamp). */
static inline double upper_half(double x) {
    double scaled = x * 134217729.0; /* 2**27 + 1 */
    return scaled - (scaled - x);
}

static inline double fma_of_doubles(double a, double b, double c) {
    double product = a * b, a1, a2, b1, b2, rest, high, low, most, less;
    if (a == 0 || b == 0) return product + c;
    /* factors from 2**-400 to 2**400, c below 2**900: nothing overflows, and the product's error is no subnormal */
    if ((unsigned)(exponent_of(a) - 623) > 800 || (unsigned)(exponent_of(b) - 623) > 800 || exponent_of(c) > 1922)
        return fma(a, b, c);
    a1 = upper_half(a), a2 = a - a1, b1 = upper_half(b), b2 = b - b1;
    rest = a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2); /* a * b = product + rest, exactly (Dekker) */
    exact_sum(c, rest, &high, &low);
    exact_sum(product, high, &most, &less);
    return most + sum_to_odd(less, low);
}

#endif
