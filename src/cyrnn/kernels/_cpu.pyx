# cython: freethreading_compatible=True, binding=False
"""What this CPU can do, asked before any kernel module is imported. Compiled for the oldest CPU of the platform.

And what compiled it: the kernels come from the same compiler.
"""

cdef extern from *:
    """
    #if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
    #define HAS(name) (__builtin_cpu_supports(name) != 0)
    static void ask_cpu(void) { __builtin_cpu_init(); }
    #else
    #define HAS(name) 0
    static void ask_cpu(void) {}
    #endif
    #ifdef __aarch64__
    #define HAS_NEON 1
    #else
    #define HAS_NEON 0
    #endif
    #ifdef __wasm__
    #define HAS_WASM 1
    #else
    #define HAS_WASM 0
    #endif
    #if defined(__clang__)
    #define COMPILER "clang " __clang_version__
    #elif defined(_MSC_VER)
    #define NUMBER(n) #n
    #define WRITTEN(n) NUMBER(n)
    #define COMPILER "MSVC " WRITTEN(_MSC_VER) ", without kernels for AVX2 and AVX-512: `baseline` has other bits"
    #elif defined(__GNUC__)
    #define COMPILER "gcc " __VERSION__
    #else
    #define COMPILER "unknown"
    #endif
    """
    const char* COMPILER
    void ask_cpu()
    bint sse2 'HAS("sse2")'
    bint avx 'HAS("avx")'
    bint avx2 'HAS("avx2")'
    bint fma 'HAS("fma")'
    bint avx512f 'HAS("avx512f")'
    bint avx512dq 'HAS("avx512dq")'
    bint avx512bw 'HAS("avx512bw")'
    bint avx512vl 'HAS("avx512vl")'
    bint neon "HAS_NEON"
    bint wasm "HAS_WASM"


def features():
    """Return {feature: whether both this CPU and its operating system support it}."""
    ask_cpu()
    return {
        "sse2": sse2, "avx": avx, "avx2": avx2, "fma": fma,
        "avx512f": avx512f, "avx512dq": avx512dq, "avx512bw": avx512bw, "avx512vl": avx512vl,
        "neon": neon, "wasm": wasm,
    }


def compiler():
    """Return the name and version of the compiler, and what it cannot do."""
    return (<bytes> COMPILER).decode("ascii", "replace").strip()
