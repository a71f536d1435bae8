"""The onnx package's own tests of one operator, on cyrnn.onnx. Its collector works once in a process.

    python onnx_node_tests.py OPERATOR       prints how many held, in float32 and in float64
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

from cyrnn import onnx as ours


def attribute(helper, given):
    value = helper.get_attribute_value(given)
    if isinstance(value, list):
        return [entry.decode() if isinstance(entry, bytes) else entry for entry in value]
    return value.decode() if isinstance(value, bytes) else value


def check(case, node, helper, evaluator) -> None:
    """As a function, and as a node of a graph that onnx runs."""
    graph = evaluator(case.model, new_ops=ours.reference_ops())
    attributes = {given.name: attribute(helper, given) for given in node.attribute}
    names = [value.name for value in case.model.graph.input]
    for given, wanted in case.data_sets:
        by_name = dict(zip(names, given, strict=True))
        for dtype in (np.float32, np.float64):
            arrays = [by_name[name] if name else None for name in node.input]
            arrays = [a.astype(dtype) if a is not None and a.dtype == np.float32 else a for a in arrays]
            outputs = getattr(ours, node.op_type.lower())(*arrays, **attributes)
            outputs = [value for value, name in zip(outputs, node.output, strict=False) if name]
            fed = {name: array for name, array in zip(node.input, arrays, strict=True) if name}
            for got, same, want in zip(outputs, graph.run(None, fed), wanted, strict=True):
                assert got.shape == want.shape, case.name
                np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6, err_msg=case.name)
                np.testing.assert_array_equal(same, got, err_msg=case.name, strict=True)


def main(operator: str) -> None:
    from onnx import helper
    from onnx.backend.test.case.node import collect_testcases
    from onnx.reference import ReferenceEvaluator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the other operators, whose cases are made, too
        cases = collect_testcases(operator)
    found = [(case, case.model.graph.node[0]) for case in cases if len(case.model.graph.node) == 1]
    found = [(case, node) for case, node in found if node.op_type == operator]
    for case, node in found:
        check(case, node, helper, ReferenceEvaluator)
    print(len(found))


if __name__ == "__main__":
    main(sys.argv[1])
