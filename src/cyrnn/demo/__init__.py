"""What `python -m cyrnn` shows: the notebook's numbers, its sentence, the speed-up, and `info`."""
