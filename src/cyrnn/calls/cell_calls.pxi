"""The calls of a cell, as facades have them."""

cdef class CellCalls:
    """The calls of one cell."""

    cdef object cell
    cdef object packed       # the class of parameters that are packed already
    cdef int number, gates, states, stored_gates, slots
    cdef int kind[MAX_SLOTS]                # of each slot of the cache,
    cdef int index[MAX_SLOTS]               # and which of that kind
    cdef tuple keys          # per gate: W_x, W_a, b
    cdef bint stacked        # W_x and W_a are columns of one matrix
    cdef bint has_x[MAX_GATES]              # whether a gate has an input half,
    cdef bint has_a[MAX_GATES]              # a recurrent half
    cdef bint all_recurrent  # whether every gate has a recurrent half,
    cdef bint all_written    # every column of a matrix a gate that reads it: else its gradient is zeros there
    cdef int stage[MAX_GATES]
    cdef int peepholes       # how many there may be,
    cdef int peephole_gates[MAX_GATES]      # and of which gates
    cdef int stages, recomputed, skip_gradients     # how many there are; recomputed: gates without an input half
    cdef object W_y, b_y, misnamed_head
    cdef tuple gradients     # the keys of all gradients of weights, as users see them, with the parameter's columns
    cdef tuple gradient_keys  # per gate: dW_x, dW_a, db
    cdef tuple initial_keys, previous_keys  # the gradients of the states before a sequence, before a step
    cdef const Table* f32
    cdef const Table* f64
    cdef object integers     # returns the table for integer weights

    def __cinit__(self, cell, int number, f32, f64, packed, integers):
        self.cell = cell
        self.packed = packed
        self.integers = integers
        self.number = number
        self.gates = len(cell.gates)
        self.states = len(cell.states)
        self.slots = len(cell.cache)
        if self.gates > MAX_GATES or self.states > MAX_STATES or self.slots > MAX_SLOTS:
            raise ValueError(f"cyrnn: {cell.name} has more gates, states or cache entries than the kernels foresee")
        self.keys = tuple((gate.W_x or gate.W_a, gate.W_a or gate.W_x, gate.b) for gate in cell.gates)
        self.gradient_keys = tuple(tuple("d" + key for key in keys) for keys in self.keys)
        self.gradients = tuple(("d" + key, shape[1]) for key, shape in cell.shapes.items()
                               if key not in (cell.W_y, cell.b_y))
        self.stages, self.recomputed = len(cell.stages), len(cell.recomputed)
        self.skip_gradients = len(cell.skip_gradients)
        self.peepholes = len(cell.peepholes)
        for i, name in enumerate(cell.peepholes):
            self.peephole_gates[i] = [gate.name for gate in cell.gates].index(name)
        for i, gate in enumerate(cell.gates):
            self.has_x[i], self.has_a[i] = gate.W_x is not None, gate.W_a is not None
            self.stage[i] = [gate in stage.gates for stage in cell.stages].index(True)
        halves = [{gate.W_x for gate in cell.gates}, {gate.W_a for gate in cell.gates}]
        self.all_recurrent = None not in halves[1]
        self.all_written = not cell.stacked or halves[0] - {None} == halves[1] - {None}
        self.initial_keys = tuple(f"d{state}0" for state in cell.states)
        self.previous_keys = tuple(f"d{state}_prev" for state in cell.states)
        self.stacked = cell.stacked
        self.W_y, self.b_y, self.misnamed_head = cell.W_y, cell.b_y, cell.misnamed_head
        self.f32 = <const Table*> PyCapsule_GetPointer(f32, "cyrnn.kernels.table")
        self.f64 = <const Table*> PyCapsule_GetPointer(f64, "cyrnn.kernels.table")
        self.stored_gates = len(cell.stored_gates)
        for i, name in enumerate(cell.cache):
            self.kind[i], self.index[i] = slot_of(cell, name)

    def step(self, xt, tuple initial, parameters, return_caches, tuple given=None):
        """Return (*next states, y, cache) for xt (n_x, m) and initial states (n_a, m); or None.

        `given`: (xt, initial, parameters) as a caller has them, which stand in the cache.
        """
        return run_step(self, xt, initial, parameters, return_caches, given)

    def sequence(self, x, tuple initial, parameters, return_caches, tuple given=None):
        """Return (a, y, *other states, caches) for x (n_x, m, T_x) and initial states (n_a, m); or None.

        An initial state but the first may be None, for zeros. `given`: (x, initial, parameters, x as an array of any
        class and dtype, whose steps stand in the caches) as a caller has them.
        """
        return run_sequence(self, x, initial, parameters, return_caches, given)

    def backward(self, da, caches, dc=None):
        """Return the gradients for da (n_a, m, T), the caches of a sequence, and dc (n_a, m) or None; or None."""
        if type(caches) is not tuple or len(<tuple> caches) != 2 or type((<tuple> caches)[0]) is not list:
            return None
        return gradients(self, da, tuple(<list> (<tuple> caches)[0]), dc, False)

    def backward_step(self, da_next, cache, dc_next=None):
        """Return the gradients for da_next (n_a, m), the cache of a step, and dc_next (n_a, m) or None; or None."""
        return gradients(self, da_next, (cache,), dc_next, True)

    def pack(self, dict arrays):
        """Return the weights of the notebook's `arrays`, plain and of one dtype, packed with their head; or None.

        Matrices of gates, but not of the head, may be `Quantized`, all of them; the rest is float32 then.
        """
        return pack_quantized(self, arrays) if has_integers(self, arrays) else pack_parameters(self, arrays)

    def sublayer(self, W_x, W_a, b, W_hr, tuple blocks, Py_ssize_t index, Py_ssize_t count, Py_ssize_t directions,
                 bint single_step, variant=None, reverse=None):
        """Return one layer of nn in one direction, or nn's cell (sublayer.pxi).

        `variant`: of a cell that has such; `reverse`: whether sequences are read from their ends, as the second of two
        directions reads them if it is left out.
        """
        return Sublayer(self, (W_x, W_a, b, W_hr), blocks, index, count, directions, single_step, variant,
                        reverse)
