"""The table of functions of integer kernels: that of kernels for float32, with a forward pass of its own."""

cdef Table functions


def table_over(floats):
    """Return the table, a capsule, for that of the float32 kernels."""
    global functions
    functions = (<const Table*> PyCapsule_GetPointer(floats, "cyrnn.kernels.table"))[0]
    functions.forward_packed = integer_forward
    functions.integer_bytes, functions.pack_integers = integer_bytes, pack_integers
    functions.multiply_integers = multiply_integers
    return PyCapsule_New(&functions, "cyrnn.kernels.table", NULL)
