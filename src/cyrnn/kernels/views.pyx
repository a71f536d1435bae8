# cython: freethreading_compatible=True, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The kernels' entry points for Python and Cython: typed memoryviews, for both dtypes, through the tables of one ISA.

Compiled once, for any CPU of the platform. All arrays of a call have one dtype, float32 or float64. Outputs come last
and never overlap an input. Nothing is checked and no output is allocated: shapes, strides, alignment and sizes above
zero are the caller's duty. Every kernel releases the GIL, writes to its outputs alone, and allocates nothing but a
bounded workspace. See run.h for each buffer, body.pxi for the functions of a table.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython cimport floating
from libc.stdlib cimport free, malloc

from cyrnn.kernels.environment cimport Environment, enter_environment, leave_environment
from cyrnn.kernels.run cimport BackwardRun, OuterSum, Run, Table, real


cdef class Views:
    """The entry points of one ISA.

    cell_numbers, table32, table64 : as a module of kernels has them, the capsules of its float32 and float64 one.
    """

    cdef const Table* f32
    cdef const Table* f64
    cdef dict cell_numbers
    cdef object owners                   # the capsules

    def __init__(self, dict cell_numbers, table32, table64):
        self.f32 = <const Table*> PyCapsule_GetPointer(table32, "cyrnn.kernels.table")
        self.f64 = <const Table*> PyCapsule_GetPointer(table64, "cyrnn.kernels.table")
        self.cell_numbers, self.owners = cell_numbers, (table32, table64)

    # ---- activations --------------------------------------------------------------------------------------------

    def exp(self, const floating[::1] x, floating[::1] out):
        """out = exp(x), both of shape (N,)."""
        cdef Environment environment
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).exp(<const real*> &x[0], x.shape[0], <real*> &out[0])
            leave_environment(environment)

    def tanh(self, const floating[::1] x, floating[::1] out):
        """out = tanh(x), both of shape (N,)."""
        cdef Environment environment
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).tanh(<const real*> &x[0], x.shape[0], <real*> &out[0])
            leave_environment(environment)

    def sigmoid(self, const floating[::1] x, floating[::1] out):
        """out = 1 / (1 + exp(-x)), both of shape (N,)."""
        cdef Environment environment
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).sigmoid(<const real*> &x[0], x.shape[0], <real*> &out[0])
            leave_environment(environment)

    def softmax(self, const floating[:, ::1] z, floating[:, ::1] out):
        """out (n, N) = softmax of every column of z (n, N)."""
        cdef Environment environment
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).softmax(<const real*> &z[0, 0], z.shape[1], z.shape[0], z.shape[1],
                                                     <real*> &out[0, 0])
            leave_environment(environment)

    # ---- packing ------------------------------------------------------------------------------------------------

    def lanes(self, size_t itemsize):
        """Return how many elements of that many bytes a vector holds."""
        return table_of(self, itemsize).lanes

    def packed_size(self, Py_ssize_t units, Py_ssize_t k, Py_ssize_t gates, size_t itemsize):
        """Return how many elements, each of `itemsize` bytes, `gates` matrices (units, k) take when packed together."""
        if (<double> units + 64) * gates * k >= 2.0 ** 58:
            raise MemoryError("cyrnn: no memory for the packed weights")
        return table_of(self, itemsize).packed_size(units, k, gates)

    def pack(self, const floating[:, :] W, Py_ssize_t gate, Py_ssize_t gates, floating[::1] out):
        """Write W (units, k), any strides, as matrix number `gate` of `gates` into out (packed_size,).

        The share of `gate` includes its padding. A bias is packed as a matrix with k = 1.
        """
        cdef Environment environment
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).pack_gate(
                <const real*> &W[0, 0], W.strides[0] // <Py_ssize_t> sizeof(floating),
                W.strides[1] // <Py_ssize_t> sizeof(floating), W.shape[0], W.shape[1], gate, gates, <real*> &out[0])
            leave_environment(environment)

    def pack_transposed(self, const floating[:, :] W, Py_ssize_t gate, Py_ssize_t gates, floating[::1] out):
        """Write W^T (units, n), for W (n, units), as the columns of `gate` in one packed matrix (units, gates * n)."""
        cdef Environment environment
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).pack_transposed_gate(
                <const real*> &W[0, 0], W.strides[0] // <Py_ssize_t> sizeof(floating),
                W.strides[1] // <Py_ssize_t> sizeof(floating), W.shape[0], W.shape[1], gate, gates, <real*> &out[0])
            leave_environment(environment)

    # ---- cells --------------------------------------------------------------------------------------------------

    def forward(self, str cell, const floating[:, :, :] x, const floating[::1] Wx, const floating[::1] Wa,
                const floating[::1] b, floating[:, :, :, ::1] states, floating[:, :, :, ::1] gates, Py_ssize_t first=0,
                Py_ssize_t last=-1, const Py_ssize_t[::1] batch_sizes=None, const floating[::1] Whr=None,
                floating[:, :, ::1] hidden=None):
        """Run the cell over x (T, m, n_x), any strides; Wx, Wa, b are packed, one stage after the other.

        states (S, T + 1, m, n_a): slot 0 holds the initial states, slots 1..T are written. gates (T, G', m, n_a), or
        None: the stored gates are written. Only columns first <= i < last of the batch are run, a negative last meaning
        all from first on; of these only i < batch_sizes[t] take part in step t, where batch_sizes (T,) is given, never
        growing. Whr packed and hidden (T + 1, m, n_h), slot 0 given: a projected hidden state, h = Whr a.
        """
        cdef Environment environment
        cdef Run run
        run.tokens = False
        cdef int failed
        cdef Py_ssize_t item = sizeof(floating)
        run.cell, run.variant = self.cell_numbers[cell], NULL
        run.T, run.batch, run.n_x, run.n_a = x.shape[0], x.shape[1], x.shape[2], states.shape[3]
        run.m, run.batch_offset = (run.batch if last < 0 else last) - first, first
        run.batch_sizes, run.resets.flags, run.resets.previous = NULL, NULL, NULL
        run.pause_steps = 0
        if batch_sizes is not None:
            run.batch_sizes = &batch_sizes[0]
        run.x_stride_t, run.x_stride_m, run.x_stride_k = (
            x.strides[0] // item, x.strides[1] // item, x.strides[2] // item)
        run.Wx, run.Wa, run.b, run.weights = <const real*> &Wx[0], <const real*> &Wa[0], <const real*> &b[0], NULL
        run.x = <const real*> (&x[0, 0, 0] + first * run.x_stride_m)
        run.initial = <const real*> (&states[0, 0, 0, 0] + first * run.n_a)
        run.states = <real*> (&states[0, 0, 0, 0] + (run.batch + first) * run.n_a)
        run.state_stride = run.initial_state_stride = (run.T + 1) * run.batch * run.n_a
        run.state_stride_t = run.batch * run.n_a
        run.gates, run.Whr, run.n_h = NULL, NULL, run.n_a
        if gates is not None:
            run.gates = <real*> (&gates[0, 0, 0, 0] + first * run.n_a)
        if Whr is not None:
            run.Whr, run.n_h = <const real*> &Whr[0], hidden.shape[2]
            run.hidden_initial = <const real*> (&hidden[0, 0, 0] + first * run.n_h)
            run.hidden = <real*> (&hidden[1, 0, 0] + first * run.n_h)
        with nogil:
            environment = enter_environment()
            failed = table_of(self, sizeof(floating)).forward_packed(&run)
            leave_environment(environment)
        if failed:
            raise MemoryError("cyrnn: no memory for the work area")

    def head(self, const floating[:, ::1] a, const floating[::1] Wy, const floating[::1] by, floating[:, ::1] y):
        """y (N, n_y) = softmax over n_y of Wy a + by, for the rows of a (N, n_a); Wy and by are packed."""
        cdef Environment environment
        cdef int failed
        with nogil:
            environment = enter_environment()
            failed = table_of(self, sizeof(floating)).head_packed(
                <const real*> &a[0, 0], a.shape[1], a.shape[0], <const real*> &Wy[0], <const real*> &by[0], y.shape[1],
                <real*> &y[0, 0])
            leave_environment(environment)
        if failed:
            raise MemoryError("cyrnn: no memory for the work area")

    def backward(self, str cell, const floating[:, :, :] da, const floating[::1] WaT,
                 const floating[:, :, :, :] previous, const floating[:, :, :, :] next,
                 const floating[:, :, :, ::1] gates, floating[:, :, ::1] inner, floating[:, :, ::1] dz,
                 floating[:, :, ::1] d_initial, Py_ssize_t first=0, Py_ssize_t last=-1,
                 const Py_ssize_t[::1] batch_sizes=None, const floating[::1] WhrT=None, floating[:, :, ::1] dh=None,
                 floating[:, ::1] dh_initial=None):
        """Write dz (T, m, G * n_a), gradients of the pre-activations, and d_initial (1 + C, m, n_a).

        da (T, m, n_a), unit stride along n_a: the incoming gradients of the hidden states. WaT of each stage from
        pack_transposed. previous, next (S, T, m, n_a): states before and after each step, slots of one state
        contiguous. gates (T, G', m, n_a): the stored gates, or None where the cell stores none. inner (T, m, n_a):
        input of the second of two stages, written; or z of a gate that is recomputed; or None. d_initial[0] is written,
        d_initial[1] holds the gradient of the second state after the last step, of the hidden one zeros. Columns as in
        `forward`; with batch_sizes, dz holds zeros. WhrT from pack_transposed, dh (T, m, n_h) and dh_initial (m, n_h)
        with a projection: dh holds the incoming gradients and gets the whole ones, da is written.
        """
        cdef Environment environment
        cdef BackwardRun run
        cdef Py_ssize_t item = sizeof(floating)
        run.cell, run.variant = self.cell_numbers[cell], NULL
        run.T, run.batch, run.n_a = da.shape[0], da.shape[1], da.shape[2]
        run.first_step, run.last_step = 0, run.T
        run.m, run.batch_offset = (run.batch if last < 0 else last) - first, first
        run.batch_sizes, run.resets.flags, run.resets.previous = NULL, NULL, NULL
        if batch_sizes is not None:
            run.batch_sizes = &batch_sizes[0]
        run.da_stride_t, run.da_stride_m = da.strides[0] // item, da.strides[1] // item
        run.da = <const real*> (&da[0, 0, 0] + first * run.da_stride_m)
        run.weights, run.WaT = NULL, <const real*> &WaT[0]
        run.initial = <const real*> (&previous[0, 0, 0, 0] + first * run.n_a)
        run.previous = <const real*> (&previous[0, 0, 0, 0] + (run.batch + first) * run.n_a)
        run.next = <const real*> (&next[0, 0, 0, 0] + first * run.n_a)
        run.state_stride = run.initial_state_stride = next.strides[0] // item
        run.gates, run.gate_stride_t, run.inner, run.WhrT, run.n_h = NULL, 0, NULL, NULL, run.n_a
        if gates is not None:
            run.gates = <const real*> (&gates[0, 0, 0, 0] + first * run.n_a)
            run.gate_stride_t = gates.shape[1] * run.batch * run.n_a
        if inner is not None:
            run.inner = <real*> (&inner[0, 0, 0] + first * run.n_a)
        if WhrT is not None:
            run.WhrT, run.n_h = <const real*> &WhrT[0], dh.shape[2]
            run.dh = <real*> (&dh[0, 0, 0] + first * run.n_h)
            run.dh_initial = <real*> (&dh_initial[0, 0] + first * run.n_h)
        run.dz = <real*> (&dz[0, 0, 0] + first * dz.shape[2])
        run.d_initial = <real*> (&d_initial[0, 0, 0] + first * run.n_a)
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).backward(&run)
            leave_environment(environment)

    # ---- products -----------------------------------------------------------------------------------------------

    def multiply(self, const floating[:, :] rows, const floating[::1] panels, const floating[::1] b,
                 floating[:, ::1] out):
        """out (N, units) = rows (N, K), unit stride along K, times packed (units, K), plus b, packed or None."""
        cdef Environment environment
        cdef const real* bias = NULL
        if b is not None:
            bias = <const real*> &b[0]
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).multiply(
                <const real*> &rows[0, 0], rows.strides[0] // <Py_ssize_t> sizeof(floating), rows.shape[0],
                rows.shape[1], <const real*> &panels[0], bias, out.shape[1], <real*> &out[0, 0])
            leave_environment(environment)

    def sum_outer(self, const floating[:, :] left, const floating[:, :] right, floating[:, :] out):
        """out (units, K) = left^T right, for left (N, units) and right (N, K); unit stride along the last axes."""
        cdef Environment environment
        cdef OuterSum outer
        cdef int failed = -1
        outer.N, outer.units, outer.gates, outer.rights = left.shape[0], left.shape[1], 1, 1
        outer.start, outer.stop = 0, outer.N
        outer.left, outer.left_row_stride = <const real*> &left[0, 0], left.strides[0] // <Py_ssize_t> sizeof(floating)
        outer.left_gate_stride = 0
        outer.right[0].K, outer.right[0].first_rows, outer.right[0].rows = right.shape[1], 0, <const real*> &right[0, 0]
        outer.right[0].row_stride = right.strides[0] // <Py_ssize_t> sizeof(floating)
        outer.right[0].resets = NULL
        outer.out[0][0] = <real*> &out[0, 0]
        outer.out_row_stride[0] = out.strides[0] // <Py_ssize_t> sizeof(floating)
        with nogil:
            outer.group = <real*> malloc(outer.units * right.shape[1] * sizeof(floating) + 1)
            if outer.group != NULL:
                environment = enter_environment()
                failed = table_of(self, sizeof(floating)).sum_outer(&outer)
                leave_environment(environment)
            free(outer.group)
        if failed:
            raise MemoryError("cyrnn: no memory for the work area")

    def add_rows(self, const floating[:, :] left, floating[:] out):
        """out (units,), any stride, += the sum of the rows of left (N, units), unit stride along the last axis."""
        cdef Environment environment
        with nogil:
            environment = enter_environment()
            table_of(self, sizeof(floating)).add_rows(
                <const real*> &left[0, 0], left.strides[0] // <Py_ssize_t> sizeof(floating), left.shape[0],
                left.shape[1], <real*> &out[0], out.strides[0] // <Py_ssize_t> sizeof(floating))
            leave_environment(environment)


cdef inline const Table* table_of(Views views, size_t size) noexcept nogil:
    return views.f32 if size == sizeof(float) else views.f64
