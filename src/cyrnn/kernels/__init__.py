"""The only door to compiled code: `dispatch.py` picks the ISA; `views.pyx` has its entry points for arrays."""
