# cython: freethreading_compatible=True, binding=False
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The kernels for neon with dotprod, integer weights. setup.py says so to the compiler; lanes.h turns it into types."""
include "integer_body.pxi"
