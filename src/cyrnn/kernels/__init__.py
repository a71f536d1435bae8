"""Kernels: `dispatch.py` chooses the ISA, whose modules have a table of functions; `views.pyx` calls these on arrays."""
