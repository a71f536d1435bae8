"""A module's functions, as a capsule."""

cdef Table functions
functions.lanes = LANES
functions.packed_size = packed_elements
functions.pack_gate = pack_gate
functions.pack_transposed_gate = pack_transposed_gate
functions.transpose_steps = transpose_steps
functions.weight_sizes = weight_sizes
functions.pack_weights = pack_weights
functions.pack_transposed_weights = pack_transposed_weights
functions.forward_packed = forward_packed
functions.head_packed = head_packed
functions.forward_unpacked = forward_unpacked
functions.stage_unpacked = stage_unpacked
functions.head_unpacked = head_unpacked
functions.backward = backward_steps
functions.initial_gradient = initial_gradient
functions.input_gradient = input_gradient
functions.multiply = multiply_rows
functions.sum_outer = sum_outer_of
functions.add_rows = add_rows_of
functions.add_products = add_products_of
functions.add_tokens = add_tokens_of
functions.exp = exp_of
functions.tanh = tanh_of
functions.sigmoid = sigmoid_of
functions.softmax = softmax_of
functions.layer_norm = layer_norm_of
functions.layer_norm_backward = layer_norm_backward
functions.update = update_of
functions.cross_entropy = cross_entropy_of
functions.element_loss = element_loss_of
functions.sum = sum_of
functions.sum_of_squares = sum_of_squares_of
table = PyCapsule_New(&functions, "cyrnn.kernels.table", NULL)
