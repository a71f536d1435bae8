/* The floating-point environment that kernels compute in: round to nearest, subnormals kept, exceptions masked.
 *
 * Another library may have set another one for a thread: flush-to-zero (any shared object linked with -ffast-math does,
 * when it is loaded), a rounding mode, traps. `enter_environment` sets the default and returns what there was, for
 * `leave_environment` to put back. A write costs 5 to 10 ns, a read 1 to 2: so there is no write where the default is
 * set already. Exception flags that kernels raise stay raised then, as after any C function; NumPy clears them before
 * each of its own. Where another environment was put back, its flags are those it had.
 *
 * The compiler moves no arithmetic across either function: their asm and intrinsics are volatile, and all arithmetic
 * between them is on memory, mostly in functions of other modules. */
#ifndef CYRNN_ENVIRONMENT_H
#define CYRNN_ENVIRONMENT_H

#if defined(__SSE__) || defined(_M_X64) || (defined(_M_IX86_FP) && _M_IX86_FP > 0)
/* MXCSR, without its six sticky flags; 0x1f80: all exceptions masked. The x87 unit takes no part. */
#include <xmmintrin.h>
typedef unsigned int Environment;
#define READ_ENVIRONMENT() _mm_getcsr()
#define WRITE_ENVIRONMENT(saved) _mm_setcsr(saved)
#define DEFAULT_ENVIRONMENT 0x1f80u
#define IS_DEFAULT(saved) (((saved) & ~0x3fu) == DEFAULT_ENVIRONMENT)

#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
/* FPCR; the flags are in a register of their own. */
typedef unsigned long long Environment;
static inline Environment read_fpcr(void) {
    Environment saved;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(saved) : : "memory");
    return saved;
}
#define READ_ENVIRONMENT() read_fpcr()
#define WRITE_ENVIRONMENT(saved) __asm__ __volatile__("msr fpcr, %0" : : "r"(saved) : "memory")
#define DEFAULT_ENVIRONMENT 0ull
#define IS_DEFAULT(saved) ((saved) == DEFAULT_ENVIRONMENT)

#elif defined(_M_ARM64) && !defined(__clang__)
#include <intrin.h>
typedef __int64 Environment;
#define READ_ENVIRONMENT() _ReadStatusReg(ARM64_FPCR)
#define WRITE_ENVIRONMENT(saved) _WriteStatusReg(ARM64_FPCR, saved)
#define DEFAULT_ENVIRONMENT 0
#define IS_DEFAULT(saved) ((saved) == DEFAULT_ENVIRONMENT)

#else
/* Any other CPU: what C99 knows, the rounding mode. */
#include <fenv.h>
typedef int Environment;
#define READ_ENVIRONMENT() fegetround()
#define WRITE_ENVIRONMENT(saved) fesetround(saved)
#define DEFAULT_ENVIRONMENT FE_TONEAREST
#define IS_DEFAULT(saved) ((saved) == FE_TONEAREST)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define KEEP_MEMORY_ORDER() __asm__ __volatile__("" : : : "memory")
#else
#define KEEP_MEMORY_ORDER() ((void)0)
#endif

static inline Environment enter_environment(void) {
    Environment saved = READ_ENVIRONMENT();
    if (!IS_DEFAULT(saved)) WRITE_ENVIRONMENT(DEFAULT_ENVIRONMENT);
    KEEP_MEMORY_ORDER();
    return saved;
}

static inline void leave_environment(Environment saved) {
    KEEP_MEMORY_ORDER();
    if (!IS_DEFAULT(saved)) WRITE_ENVIRONMENT(saved);
}

#endif
