/* What one core can do at most: fused multiply-adds in registers, and reading an array again and again.
 * Compiled by roofline.py for float or double (REAL) and for vectors of BYTES. */
#include <stddef.h>

#define LANES (BYTES / sizeof(REAL))
typedef REAL vector __attribute__((vector_size(BYTES)));
typedef REAL unaligned __attribute__((vector_size(BYTES), aligned(sizeof(REAL))));

#define EACH(do_) do_(0) do_(1) do_(2) do_(3) do_(4) do_(5) do_(6) do_(7) do_(8) do_(9) do_(10) do_(11)

static REAL sum(vector v) {
    REAL total = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        total += v[lane];
    return total;
}

/* 12 chains of multiply-adds, more than latency times throughput of any core so far; 2 * 12 * LANES operations a round.
 * Chains converge to 2, so that no number is denormal or infinite. */
REAL multiply_add(size_t rounds) {
#define BEGIN(k) vector v##k = (vector){0} + (REAL)k;
#define STEP(k) v##k = v##k * half + one;
#define ADD(k) total += sum(v##k);
    vector half = (vector){0} + (REAL)0.5, one = (vector){0} + (REAL)1;
    REAL total = 0;
    EACH(BEGIN)
    for (size_t round = 0; round < rounds; round++) {
        __asm__ volatile("" : "+x"(half));
        EACH(STEP)
    }
    EACH(ADD)
    return total;
}

/* Read `bytes` bytes, a multiple of 12 vectors, `times` times. */
REAL read_again(const REAL *array, size_t bytes, size_t times) {
#define ZERO(k) vector v##k = {0};
#define LOAD(k) v##k += *(const unaligned *)(at + k * LANES);
    REAL total = 0;
    EACH(ZERO)
    for (size_t time = 0; time < times; time++) {
        for (const REAL *at = array; at < array + bytes / sizeof(REAL); at += 12 * LANES) {
            EACH(LOAD)
        }
        __asm__ volatile("" ::: "memory");
    }
    EACH(ADD)
    return total;
}
