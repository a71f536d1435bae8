# cython: freethreading_compatible=True, binding=False
"""What this CPU can do, asked before any kernel module is imported. Compiled for the oldest CPU of the platform.

And what compiled it: the kernels come from the same compiler.
"""

cdef extern from *:
    """
    /* Bits of what CPUID answers, as Intel's manual numbers them (volume 2A), and of XCR0: which registers the system
       keeps. Not `__builtin_cpu_supports`: in what `zig cc` builds, it says no to everything. */
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <cpuid.h>
    #define BIT(word, n) ((int)((word) >> (n)) & 1)
    static unsigned leaf_1_c, leaf_1_d, leaf_7_b, leaf_7_c;
    static int keeps_ymm, keeps_zmm;
    static void ask_cpu(void) {
        unsigned a, b, d, low = 0, high = 0;
        if (!__get_cpuid(1, &a, &b, &leaf_1_c, &leaf_1_d)) return;
        if (!__get_cpuid_count(7, 0, &a, &leaf_7_b, &leaf_7_c, &d)) leaf_7_b = leaf_7_c = 0;
        if (BIT(leaf_1_c, 27)) __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        keeps_ymm = (low & 0x06) == 0x06;
    #ifdef __APPLE__
        keeps_zmm = keeps_ymm; /* macOS sets those bits when a thread first uses such a register */
    #else
        keeps_zmm = (low & 0xe6) == 0xe6;
    #endif
    }
    #define SSE2 BIT(leaf_1_d, 26)
    #define AVX (keeps_ymm & BIT(leaf_1_c, 28))
    #define FMA (keeps_ymm & BIT(leaf_1_c, 12))
    #define AVX2 (keeps_ymm & BIT(leaf_7_b, 5))
    #define AVX512(n) (keeps_zmm & BIT(leaf_7_b, n))
    #define VNNI (keeps_zmm & BIT(leaf_7_c, 11))
    #else
    static void ask_cpu(void) {}
    #define SSE2 0
    #define AVX 0
    #define FMA 0
    #define AVX2 0
    #define AVX512(n) 0
    #define VNNI 0
    #endif
    #ifdef __aarch64__
    #define HAS_NEON 1
    #else
    #define HAS_NEON 0
    #endif
    /* Products of bytes: of all CPUs that the compiler builds for, as on macOS, or of this one. */
    #ifdef __ARM_FEATURE_DOTPROD
    #define DOTPROD 1
    #elif defined(__aarch64__) && defined(__linux__)
    #include <sys/auxv.h>
    #define DOTPROD ((int)(getauxval(AT_HWCAP) >> 20) & 1) /* HWCAP_ASIMDDP */
    #elif defined(__aarch64__) && defined(_WIN32)
    __declspec(dllimport) int __stdcall IsProcessorFeaturePresent(unsigned long);
    #define DOTPROD (IsProcessorFeaturePresent(43) != 0) /* PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE */
    #else
    #define DOTPROD 0
    #endif
    #ifdef __wasm__
    #define HAS_WASM 1
    #else
    #define HAS_WASM 0
    #endif
    #if defined(__clang__)
    #define BUILT_BY "clang " __clang_version__
    #elif defined(_MSC_VER)
    #define NUMBER(n) #n
    #define WRITTEN(n) NUMBER(n)
    #define BUILT_BY "MSVC " WRITTEN(_MSC_VER) ", without kernels for AVX2 and AVX-512: `baseline` has other bits"
    #elif defined(__GNUC__)
    #define BUILT_BY "gcc " __VERSION__
    #else
    #define BUILT_BY "unknown"
    #endif
    """
    const char* BUILT_BY
    void ask_cpu()
    bint sse2 "SSE2"
    bint avx "AVX"
    bint avx2 "AVX2"
    bint fma "FMA"
    bint avx512f "AVX512(16)"
    bint avx512dq "AVX512(17)"
    bint avx512bw "AVX512(30)"
    bint avx512vl "AVX512(31)"
    bint avx512vnni "VNNI"
    bint neon "HAS_NEON"
    bint asimddp "DOTPROD"
    bint wasm "HAS_WASM"


def features():
    """Return {feature: whether both this CPU and its operating system support it}."""
    ask_cpu()
    return {
        "sse2": sse2, "avx": avx, "avx2": avx2, "fma": fma,
        "avx512f": avx512f, "avx512dq": avx512dq, "avx512bw": avx512bw, "avx512vl": avx512vl,
        "avx512vnni": avx512vnni, "neon": neon, "asimddp": asimddp, "wasm": wasm,
    }


def compiler():
    """Return the name and version of the compiler, and what it cannot do."""
    return (<bytes> BUILT_BY).decode("ascii", "replace").strip()
