"""What run.h declares, as Cython sees it.

`real` is the dtype that a kernel module is compiled for, and void in a module that serves both.
"""
from libc.stdint cimport int32_t, int64_t

cdef extern from "run.h" nogil:
    ctypedef double real

    enum:
        MAX_GATES
        MAX_UNPACKED_COLUMNS
        BLOCK_ROWS
        GROUP_ROWS
        MAX_RIGHTS
        SPLIT

    ctypedef struct GateWeights:
        const real* Wx
        const real* Wa
        const real* b
        Py_ssize_t Wx_row_stride
        Py_ssize_t Wx_col_stride
        Py_ssize_t Wa_row_stride
        Py_ssize_t Wa_col_stride
        Py_ssize_t b_stride

    enum:
        SIGMOID
        TANH
        RELU
        HARD_SIGMOID
        IDENTITY
        AFFINE
        LEAKY_RELU
        THRESHOLDED_RELU
        SCALED_TANH
        ELU
        SOFTSIGN
        SOFTPLUS

    ctypedef struct Activation:
        int kind
        double alpha
        double beta

    ctypedef struct Variant:
        Activation gate
        Activation candidate
        Activation output
        double clip
        const real* peepholes

    ctypedef struct IntegerGate:
        const void* Wx
        const void* Wa
        Py_ssize_t Wx_row_stride
        Py_ssize_t Wa_row_stride
        const real* x_scale
        const real* a_scale
        const real* b

    ctypedef struct IntegerSource:
        int cell
        int width
        Py_ssize_t n_x
        Py_ssize_t n_h
        Py_ssize_t n_a
        int x_levels
        int a_levels
        int hr_levels
        IntegerGate gates[MAX_GATES]
        const void* Whr
        const real* hr_scale

    ctypedef struct IntegerMatrix:
        const char* panels
        const real* scale
        const int32_t* starts
        float levels

    ctypedef struct IntegerWeights:
        int width
        IntegerMatrix Wx
        IntegerMatrix Wa
        IntegerMatrix Whr
        const real* b

    ctypedef struct Resets:
        const char* flags
        Py_ssize_t stride_t
        Py_ssize_t states
        const real* initial
        Py_ssize_t initial_state_stride
        real* previous
        real* d_initial

    ctypedef struct Run:
        int cell
        const Variant* variant
        Py_ssize_t n_x
        Py_ssize_t n_h
        Py_ssize_t n_a
        Py_ssize_t m
        Py_ssize_t T
        const real* x
        Py_ssize_t x_stride_t
        Py_ssize_t x_stride_m
        Py_ssize_t x_stride_k
        int tokens
        const real* Wx
        const real* Wa
        const real* b
        const IntegerWeights* integers
        const GateWeights* weights
        int units_in_lanes
        Py_ssize_t batch
        Py_ssize_t batch_offset
        const Py_ssize_t* batch_sizes
        const real* initial
        Py_ssize_t initial_state_stride
        real* states
        Py_ssize_t state_stride
        Py_ssize_t state_stride_t
        real* gates
        GateWeights head
        Py_ssize_t n_y
        real* y
        const real* Whr
        const real* hidden_initial
        real* hidden
        Resets resets
        Py_ssize_t pause_steps
        int (*pause)(void* progress) noexcept nogil
        void* progress

    ctypedef struct BackwardRun:
        int cell
        const Variant* variant
        Py_ssize_t n_h
        Py_ssize_t n_a
        Py_ssize_t m
        Py_ssize_t T
        Py_ssize_t first_step
        Py_ssize_t last_step
        Py_ssize_t batch
        Py_ssize_t batch_offset
        const Py_ssize_t* batch_sizes
        const real* da
        Py_ssize_t da_stride_t
        Py_ssize_t da_stride_m
        const GateWeights* weights
        const real* WaT
        real* sums
        const real* initial
        Py_ssize_t initial_state_stride
        const real* previous
        const real* next
        Py_ssize_t state_stride
        const real* gates
        Py_ssize_t gate_stride_t
        real* inner
        real* dz
        real* d_initial
        const real* WhrT
        real* dh
        real* dh_initial
        Resets resets

    ctypedef struct OuterRight:
        Py_ssize_t K
        const real* first
        Py_ssize_t first_rows
        const real* rows
        Py_ssize_t row_stride
        const char* resets
        const real* initial
        Py_ssize_t initial_rows

    ctypedef struct OuterSum:
        Py_ssize_t N
        Py_ssize_t units
        Py_ssize_t start
        Py_ssize_t stop
        Py_ssize_t gates
        Py_ssize_t rights
        const real* left
        Py_ssize_t left_row_stride
        Py_ssize_t left_gate_stride
        OuterRight right[MAX_RIGHTS]
        real* out[MAX_GATES][MAX_RIGHTS]
        Py_ssize_t out_row_stride[MAX_RIGHTS]
        real* group

    ctypedef struct TokenSum:
        Py_ssize_t units
        const real* left
        Py_ssize_t left_row_stride
        Py_ssize_t kinds
        const Py_ssize_t* tokens
        const Py_ssize_t* ends
        const Py_ssize_t* rows
        real* out
        Py_ssize_t out_row_stride

    enum:
        SGD
        RMSPROP
        ADAM
        MAX_STATE
        MAX_NUMBERS
        SQUARED_ERROR
        HUBER
        BINARY_CROSS_ENTROPY

    ctypedef struct Update:
        int method
        Py_ssize_t N
        real* w
        const real* g
        real* state[MAX_STATE]
        double number[MAX_NUMBERS]

    ctypedef struct CrossEntropy:
        Py_ssize_t classes
        const real* logits
        const int64_t* targets
        const real* weight
        double scale
        real* losses
        real* d

    ctypedef struct ElementLoss:
        int kind
        const real* output
        const real* target
        const real* weight
        const real* pos_weight
        double delta
        double scale
        real* losses
        real* d

    ctypedef struct Table:
        Py_ssize_t lanes
        Py_ssize_t (*packed_size)(Py_ssize_t units, Py_ssize_t K, Py_ssize_t gates) noexcept nogil
        void (*pack_gate)(const real* W, Py_ssize_t row_stride, Py_ssize_t col_stride, Py_ssize_t units, Py_ssize_t K,
                          Py_ssize_t gate, Py_ssize_t gates, real* out) noexcept nogil
        void (*pack_transposed_gate)(const real* W, Py_ssize_t row_stride, Py_ssize_t col_stride, Py_ssize_t n,
                                     Py_ssize_t units, Py_ssize_t gate, Py_ssize_t gates, real* out) noexcept nogil
        void (*transpose_steps)(const real* x, Py_ssize_t x_stride_k, Py_ssize_t x_stride_m, Py_ssize_t x_stride_t,
                                Py_ssize_t n, Py_ssize_t m, Py_ssize_t T, real* out) noexcept nogil
        void (*weight_sizes)(int cell, Py_ssize_t n_x, Py_ssize_t n_h, Py_ssize_t n_a, Py_ssize_t* sizes) noexcept nogil
        void (*pack_weights)(int cell, Py_ssize_t n_x, Py_ssize_t n_h, Py_ssize_t n_a, const GateWeights* weights,
                             real* Wx, real* Wa, real* b) noexcept nogil
        void (*pack_transposed_weights)(int cell, Py_ssize_t n_x, Py_ssize_t n_h, Py_ssize_t n_a,
                                        const GateWeights* weights, real* WxT, real* WaT) noexcept nogil
        int (*forward_packed)(const Run* run) noexcept nogil
        int (*head_packed)(const real* a, Py_ssize_t n_a, Py_ssize_t N, const real* Wy, const real* by, Py_ssize_t n_y,
                           real* y) noexcept nogil
        int (*forward_unpacked)(const Run* run) noexcept nogil
        int (*stage_unpacked)(const Run* run, Py_ssize_t stage, Py_ssize_t first, Py_ssize_t last,
                              real* between) noexcept nogil
        int (*head_unpacked)(const Run* run) noexcept nogil
        void (*backward)(const BackwardRun* run) noexcept nogil
        void (*initial_gradient)(const BackwardRun* run, Py_ssize_t first, Py_ssize_t last) noexcept nogil
        void (*input_gradient)(const BackwardRun* run, Py_ssize_t n_x, Py_ssize_t first, Py_ssize_t last,
                               real* dx) noexcept nogil
        void (*multiply)(const real* rows, Py_ssize_t row_stride, Py_ssize_t N, Py_ssize_t K, const real* panels,
                         const real* b, Py_ssize_t units, real* out) noexcept nogil
        int (*sum_outer)(const OuterSum* sum) noexcept nogil
        void (*add_rows)(const real* left, Py_ssize_t left_row_stride, Py_ssize_t N, Py_ssize_t units, real* out,
                         Py_ssize_t out_stride) noexcept nogil
        void (*add_products)(const real* left, Py_ssize_t left_row_stride, const real* right,
                             Py_ssize_t right_row_stride, Py_ssize_t N, Py_ssize_t units, real* out) noexcept nogil
        void (*add_tokens)(const TokenSum* sum) noexcept nogil
        void (*exp)(const real* x, Py_ssize_t N, real* out) noexcept nogil
        void (*tanh)(const real* x, Py_ssize_t N, real* out) noexcept nogil
        void (*sigmoid)(const real* x, Py_ssize_t N, real* out) noexcept nogil
        void (*softmax)(const real* z, Py_ssize_t row_stride, Py_ssize_t n, Py_ssize_t N, real* y) noexcept nogil
        Py_ssize_t (*integer_bytes)(const IntegerSource* source) noexcept nogil
        void (*pack_integers)(const IntegerSource* source, void* memory, IntegerWeights* out) noexcept nogil
        int (*multiply_integers)(const IntegerWeights* weights, const real* x, Py_ssize_t row_stride, Py_ssize_t N,
                                 Py_ssize_t K, Py_ssize_t units, real* out) noexcept nogil
        void (*layer_norm)(const real* x, Py_ssize_t row_stride, Py_ssize_t N, Py_ssize_t n, const real* w,
                           const real* b, double eps, real* out) noexcept nogil
        void (*layer_norm_backward)(const real* x, Py_ssize_t row_stride, const real* dy, Py_ssize_t dy_row_stride,
                                    Py_ssize_t N, Py_ssize_t n, const real* w, double eps, real* normal,
                                    real* dx) noexcept nogil
        void (*update)(const Update* update, Py_ssize_t first, Py_ssize_t last) noexcept nogil
        void (*cross_entropy)(const CrossEntropy* loss, Py_ssize_t first, Py_ssize_t last) noexcept nogil
        void (*element_loss)(const ElementLoss* loss, Py_ssize_t first, Py_ssize_t last) noexcept nogil
        double (*sum)(const real* x, Py_ssize_t N, double total) noexcept nogil
        double (*sum_of_squares)(const real* x, Py_ssize_t N, double total) noexcept nogil
