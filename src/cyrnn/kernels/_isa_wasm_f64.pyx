# cython: freethreading_compatible=True, binding=False
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The kernels for wasm, float64. setup.py says so to the compiler; lanes.h turns it into types."""
include "body.pxi"
