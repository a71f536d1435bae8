"""What gives the cells their counts before the first run."""


def define_cell(int cell, int stages, int kept, bint skips):
    """Fill in the counts of a cell: see registry.pxi.

    Raises
    ------
    ValueError
        If the cell has more stages than the kernels foresee, or others than its compiled formulas.
    """
    cdef int s
    for s in range(MAX_STAGES):
        if stages > MAX_STAGES or (s < stages) != (formulas[cell].stage[s].pointwise != NULL):
            raise ValueError("cyrnn: a cell has other stages than its compiled formulas")
    formulas[cell].stages, formulas[cell].kept, formulas[cell].skips = stages, kept, skips


def define_stage(int cell, int stage, int gates, int hidden, int input):
    """Fill in the counts of a stage of a cell whose own are there.

    Raises
    ------
    ValueError
        If the cell has more gates than the kernels foresee, or a stage has one gate, and that not both halves.
    """
    if gates_of(cell) + gates - formulas[cell].stage[stage].gates > MAX_GATES:
        raise ValueError("cyrnn: a cell has more gates than the kernels foresee")
    if gates == 1 and hidden + input < 2:
        raise ValueError("cyrnn: the only gate of a stage lacks the input half or the recurrent half")
    formulas[cell].stage[stage].gates, formulas[cell].stage[stage].hidden = gates, hidden
    formulas[cell].stage[stage].input = input
