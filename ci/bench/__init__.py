"""How fast cyrnn is beside its rivals: `python -m ci.bench run`, then `python -m ci.bench compare`.

This file imports nothing: `machine.settle` must come before NumPy and every rival.
"""
