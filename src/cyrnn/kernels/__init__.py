"""The only door to compiled code: `dispatch.py` picks the ISA; `face.py` says what every module of kernels offers."""
