"""Kernels: `dispatch.py` chooses the ISA, whose modules have tables of functions; `views.pyx` calls them on arrays."""
