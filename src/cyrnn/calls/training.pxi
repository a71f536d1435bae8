"""The calls of losses and optimizers, as Python has them: see reference_training.py for what each returns."""

cdef dict methods = {"sgd": SGD, "rmsprop": RMSPROP, "adam": ADAM}


cdef class Training:
    """Losses and updates; None where the arguments are not plain contiguous arrays of one dtype that fit."""

    cdef const Table* f32
    cdef const Table* f64

    def __cinit__(self, f32, f64):
        self.f32 = <const Table*> PyCapsule_GetPointer(f32, "cyrnn.kernels.table")
        self.f64 = <const Table*> PyCapsule_GetPointer(f64, "cyrnn.kernels.table")

    cdef const Table* table_of(self, object given, int* typenum, Py_ssize_t* item) noexcept:
        """The kernels for the dtype of an array; NULL for anything else."""
        if not PyArray_CheckExact(given):
            return NULL
        typenum[0] = cnp.PyArray_TYPE(<cnp.ndarray> given)
        if typenum[0] == cnp.NPY_FLOAT:
            item[0] = sizeof(float)
            return self.f32
        item[0] = sizeof(double)
        return self.f64 if typenum[0] == cnp.NPY_DOUBLE else NULL

    def cross_entropy(self, logits, targets, long long ignored, weight, bint mean, bint each):
        """Return (loss, its gradient) for logits (rows, classes) and targets (rows,), int64; or None."""
        cdef RowLosses w
        cdef Flat z, weights
        cdef int typenum
        cdef Py_ssize_t item, rows, count, i
        cdef double total
        cdef cnp.int64_t* t
        cdef cnp.ndarray own, losses, d
        w.table = self.table_of(logits, &typenum, &item)
        if w.table == NULL or not read_flat(<PyObject*> logits, typenum, False, &z) or z.axes != 2:
            return None
        if not PyArray_CheckExact(targets) or cnp.PyArray_TYPE(<cnp.ndarray> targets) != cnp.NPY_INT64:
            return None
        # a copy: what was checked must not change while kernels count with it
        own = cnp.PyArray_FROM_OTF(targets, cnp.NPY_INT64, cnp.NPY_ARRAY_CARRAY | cnp.NPY_ARRAY_ENSURECOPY)
        rows, t = z.shape[0], <cnp.int64_t*> cnp.PyArray_DATA(own)
        if cnp.PyArray_NDIM(own) != 1 or cnp.PyArray_DIM(own, 0) != rows:
            return None
        if not take_targets(t, rows, z.shape[1], ignored, &count):
            return None
        w.loss.classes, w.loss.logits, w.loss.targets = z.shape[1], <const real*> z.memory, <const cnp.int64_t*> t
        w.loss.weight, total = NULL, count
        losses = PyArray_EMPTY(1, z.shape, typenum, 0)
        w.loss.losses = <real*> cnp.PyArray_DATA(losses)
        if weight is not None:
            if not read_flat(<PyObject*> weight, typenum, False, &weights) or weights.axes != 1:
                return None
            if weights.shape[0] != z.shape[1]:
                return None
            w.loss.weight = <const real*> weights.memory
            memset(w.loss.losses, 0, rows * item)    # of each row, before its loss is there
            for i in range(rows):
                if t[i] >= 0:
                    memcpy(<char*> advance(w.loss.losses, i, item), advance(w.loss.weight, t[i], item), item)
            total = sum_array(w.table, item, w.loss.losses, rows, False)
        w.loss.scale = 1 / total if mean else 1
        d = PyArray_EMPTY(2, z.shape, typenum, 0)
        w.loss.d = <real*> cnp.PyArray_DATA(d)
        if rows > 0:
            parallel_for(row_loss_range, &w, rows, <double> z.size * LOSS_FMAS)
        return (losses if each else self.reduced(losses, w.table, item, mean, total)), d

    def squared_error(self, output, target, bint mean, bint each):
        """Return (loss, its gradient) for two arrays of one shape; or None."""
        return self.element_loss(SQUARED_ERROR, output, target, None, None, 0, mean, each)

    def huber(self, output, target, double delta, bint mean, bint each):
        """Return the same."""
        return self.element_loss(HUBER, output, target, None, None, delta, mean, each)

    def binary_cross_entropy(self, logits, targets, weight, pos_weight, bint mean, bint each):
        """Return the same; weights have the shape of logits, or are None."""
        return self.element_loss(BINARY_CROSS_ENTROPY, logits, targets, weight, pos_weight, 0, mean, each)

    cdef object element_loss(self, int kind, object output, object target, object weight, object pos_weight,
                             double delta, bint mean, bint each):
        cdef ElementLosses w
        cdef Flat y, t, weights, pos_weights
        cdef int typenum
        cdef Py_ssize_t item
        cdef cnp.ndarray losses, d
        w.table = self.table_of(output, &typenum, &item)
        if w.table == NULL or not read_flat(<PyObject*> output, typenum, False, &y):
            return None
        if not read_flat_like(target, typenum, False, &y, &t):
            return None
        w.loss.kind, w.loss.delta = kind, delta
        w.loss.output, w.loss.target = <const real*> y.memory, <const real*> t.memory
        w.loss.weight = w.loss.pos_weight = NULL
        if weight is not None:
            if not read_flat_like(weight, typenum, False, &y, &weights):
                return None
            w.loss.weight = <const real*> weights.memory
        if pos_weight is not None:
            if not read_flat_like(pos_weight, typenum, False, &y, &pos_weights):
                return None
            w.loss.pos_weight = <const real*> pos_weights.memory
        w.loss.scale = 1 / <double> y.size if mean else 1
        losses = PyArray_EMPTY(y.axes, y.shape, typenum, 0)
        d = PyArray_EMPTY(y.axes, y.shape, typenum, 0)
        w.loss.losses, w.loss.d = <real*> cnp.PyArray_DATA(losses), <real*> cnp.PyArray_DATA(d)
        if y.size > 0:
            parallel_for(element_loss_range, &w, y.size, <double> y.size * LOSS_FMAS)
        return (losses if each else self.reduced(losses, w.table, item, mean, y.size)), d

    cdef object reduced(self, cnp.ndarray losses, const Table* table, Py_ssize_t item, bint mean, double total):
        """Return the sum of losses, or that divided by a total: nan where both are 0."""
        cdef double loss = sum_array(table, item, <const real*> cnp.PyArray_DATA(losses), cnp.PyArray_SIZE(losses),
                                     False)
        return loss / total if mean else loss

    def update(self, str method not None, list arrays not None, list numbers not None):
        """Take a step of an optimizer in every weight, in place; or None, where nothing is done."""
        cdef int typenum = 0, kind = methods[method]
        cdef Py_ssize_t item, i, pieces = 0, elements = 0, count
        cdef WeightUpdate* each
        cdef tuple held = tuple(arrays), given = tuple(numbers)       # which nobody else can change
        count = len(held)
        if len(given) != count:
            raise ValueError("cyrnn: an update has numbers for each weight")
        each = <WeightUpdate*> malloc(count * sizeof(WeightUpdate) + 1)
        if each == NULL:
            raise MemoryError("cyrnn: no memory for an update")
        try:
            for i in range(count):
                each[i].table = self.table_of((<tuple?> held[i])[0], &typenum, &item)
                if each[i].table == NULL or not take_update(<tuple> held[i], <tuple?> given[i], typenum, kind,
                                                            &each[i].update):
                    return None
                pieces += (each[i].update.N + UPDATE_ELEMENTS - 1) // UPDATE_ELEMENTS
                each[i].end, elements = pieces, elements + each[i].update.N
            parallel_for(update_range, each, pieces, <double> elements * UPDATE_FMAS)
        finally:
            free(each)
        return True

    def sum_of_squares(self, array):
        """Return the sum of the squares of all elements, in float64; or None."""
        cdef Flat x
        cdef int typenum
        cdef Py_ssize_t item
        cdef const Table* table = self.table_of(array, &typenum, &item)
        if table == NULL or not read_flat(<PyObject*> array, typenum, False, &x):
            return None
        return sum_array(table, item, <const real*> x.memory, x.size, True)
