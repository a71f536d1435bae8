"""In a new environment, after `pip install` of the wheel: python as_user.py LIST, what `pip list --format=json` said.

NumPy came along and nothing else, and importing cyrnn costs under 15 ms beyond NumPy. Pictures say
which extra they want.
"""

import json
import subprocess
import sys
from pathlib import Path

MAX_MILLISECONDS = 15.0
#: the least of so many, on the clock of the thread that imports: what else this machine does only adds to it. The
#: process's clock would count NumPy's BLAS, too, whose threads spin for some 10 ms after they have started.
RUNS = 20
CLOCK = "import numpy, time; start = time.thread_time(); import cyrnn; print((time.thread_time() - start) * 1e3)"

installed = {package["name"]: package["version"] for package in json.loads(Path(sys.argv[1]).read_bytes())}
assert installed.keys() == {"cyrnn", "numpy"}, installed
times = [
    float(subprocess.run([sys.executable, "-I", "-c", CLOCK], capture_output=True, text=True, check=True).stdout)
    for _ in range(RUNS)
]
picture = "import cyrnn; cyrnn.plot.loss_curve([1.0])"
refused = subprocess.run([sys.executable, "-I", "-c", picture], capture_output=True, text=True).stderr
assert refused.rstrip().endswith("matplotlib is not installed: pip install matplotlib, or cyrnn's extra plot"), refused
python = "Python " + sys.version.split()[0]
print(f"{python}: NumPy {installed['numpy']} and nothing else; import cyrnn {min(times):.1f} ms beyond NumPy's")
assert min(times) < MAX_MILLISECONDS, times
