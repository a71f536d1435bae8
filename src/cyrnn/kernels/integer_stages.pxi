"""The stages of a forward pass over integer weights, and the memory that it works in."""

cdef enum:
    # from how many rows on a panel is widened once. AVX2, LSTM (256,256,32,50): 12.4 -> 11.2 ms (Zen 4, 2026-11-29)
    WIDENED_ROWS = 6

ctypedef struct IntegerStage:
    # One stage of a run.
    StagePlan plan           # its sizes, b and `projected`; no float weights
    IntegerMatrix Wx         # the stage's share
    IntegerMatrix Wa

ctypedef struct IntegerRows:
    # Rows of integers, with a scale each.
    char* rows
    Py_ssize_t row_stride    # bytes
    real* scale

ctypedef struct IntegerWork:
    # The workspace of a run.
    IntegerRows x            # of a block of steps: (steps * m, n_x)
    IntegerRows h            # of a step: (m, n_h), or the input of its second stage
    real* gathered           # (n_x,), where the features of x are apart
    char* panel              # of some product, widened; NULL where that is never done
    real* between            # (1 + kept, m, n_a): output and gates of a first stage


cdef Py_ssize_t plan_integer_stages(const Run* run, IntegerStage* stages) noexcept nogil:
    """Find the weights of each stage; return how many vectors a row of z has in all of them together."""
    cdef const IntegerWeights* weights = run.integers
    cdef IntegerMatrix Wx = weights.Wx, Wa = weights.Wa
    cdef const real* b = weights.b
    cdef Py_ssize_t s, width = 0, x, a
    cdef const Stage* stage
    for s in range(formulas_of(run.cell).stages):
        begin_plan(run, s, &stages[s].plan)
        stages[s].Wx, stages[s].Wa, stages[s].plan.b = Wx, Wa, b
        stages[s].plan.interleaved_rows = stages[s].plan.first_step = 0
        stage = stages[s].plan.stage
        x, a = vectors(run.n_a, stage.input) * LANES, vectors(run.n_a, stage.hidden) * LANES
        Wx.panels += integer_panel_bytes(run.n_a, run.n_x, stage.input, weights.width)
        Wa.panels += integer_panel_bytes(run.n_a, stages[s].plan.K, stage.hidden, weights.width)
        Wx.scale, Wx.starts, Wa.scale, Wa.starts = Wx.scale + x, Wx.starts + x, Wa.scale + a, Wa.starts + a
        b += stages[s].plan.width * LANES
        width += stages[s].plan.width
    return width


cdef inline char* place_rows(IntegerRows* rows, Py_ssize_t count, Py_ssize_t n, int width, char* memory) noexcept nogil:
    """Let so many rows (n,) begin at `memory`; return where that goes on."""
    rows.rows, rows.row_stride = memory, row_bytes(n, width)
    rows.scale = <real*> (memory + count * rows.row_stride)
    return <char*> aligned(rows.scale + count)


cdef inline Py_ssize_t rows_bytes(Py_ssize_t count, Py_ssize_t n, int width) noexcept nogil:
    return count * (row_bytes(n, width) + sizeof(real)) + ALIGNMENT


cdef inline Py_ssize_t row_inputs(const Run* run) noexcept nogil:
    """Elements of a row of x that become integers: none of tokens."""
    return 0 if run.tokens else run.n_x


cdef inline Py_ssize_t widened_bytes(const Run* run) noexcept nogil:
    if not WIDENS(run.integers.width):
        return 0
    return 4 * WEIGHT_VECTOR(2) * groups_of(max(row_inputs(run), max(run.n_h, run.n_a)), 2)


cdef Py_ssize_t integer_work_bytes(const Run* run, Py_ssize_t steps, Py_ssize_t width) noexcept nogil:
    """Bytes of the workspace for blocks of so many steps."""
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t n_h = max(run.n_h, run.n_a), floats = steps * run.m * width * LANES + row_inputs(run) + 2 * LANES
    if cell.stages > 1:
        floats += (1 + cell.kept) * run.m * run.n_a
    return (floats * sizeof(real) + rows_bytes(steps * run.m, row_inputs(run), run.integers.width)
            + rows_bytes(run.m, n_h, run.integers.width) + widened_bytes(run) + 7 * ALIGNMENT)


cdef void place_integer_work(const Run* run, IntegerStage* stages, Py_ssize_t steps, char* memory,
                             IntegerWork* work) noexcept nogil:
    cdef const Formulas* cell = formulas_of(run.cell)
    cdef Py_ssize_t s
    memory = <char*> aligned(memory)
    memory = place_rows(&work.x, steps * run.m, row_inputs(run), run.integers.width, memory)
    memory = place_rows(&work.h, run.m, max(run.n_h, run.n_a), run.integers.width, memory)
    for s in range(cell.stages):
        stages[s].plan.steps, stages[s].plan.projected = steps, <real*> memory
        memory += steps * run.m * stages[s].plan.width * LANES * sizeof(real)
    work.gathered = <real*> memory
    memory = <char*> aligned(memory + (row_inputs(run) + LANES) * sizeof(real))
    work.panel = memory if WIDENS(run.integers.width) else NULL
    memory = <char*> aligned(memory + widened_bytes(run))
    work.between = <real*> memory if cell.stages > 1 else NULL


cdef inline void begin_product(IntegerProduct* p, const IntegerRows* rows, Py_ssize_t K, int width) noexcept nogil:
    """Fill in what all tiles of a product share."""
    p.groups = groups_of(K, width)
    p.row_stride = rows.row_stride


cdef inline void take_panel(IntegerProduct* p, const IntegerMatrix* W, Py_ssize_t panel, Py_ssize_t V,
                            int width) noexcept nogil:
    """Let a product go on at a panel of W, whose whole panels have V vectors."""
    p.panel_stride = V * WEIGHT_VECTOR(width) * p.groups
    p.panel = W.panels + panel * p.panel_stride
    p.scale = W.scale + panel * V * LANES
    p.starts = W.starts + panel * V * LANES


cdef inline void take_integer_rows(IntegerProduct* p, const IntegerRows* rows, Py_ssize_t row) noexcept nogil:
    p.rows = rows.rows + row * rows.row_stride
    p.row_scale = rows.scale + row


cdef inline int widen_panel(IntegerProduct* p, const IntegerWork* work, Py_ssize_t rows, Py_ssize_t V,
                            int width) noexcept nogil:
    """Widen the panel of V vectors that a product of many rows is at; return the width of what it reads then."""
    if not WIDENS(width) or rows < WIDENED_ROWS:
        return width
    widen_weights(p.panel, V * p.groups, work.panel)
    p.panel = work.panel
    return 2
