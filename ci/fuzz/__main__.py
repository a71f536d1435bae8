"""Random cases of all public calls, on every ISA of this CPU, each in a child that may die.

A case is one number, from which all of it is drawn. What fails is printed with the command that repeats it. Besides
what a case holds itself to, its results must have the same bits on every ISA with a fused multiply-add.

    python -m ci.fuzz --seconds 60                    as CI does
    python -m ci.fuzz --case 1234 --isa avx2          one case once more
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHILD = ["-m", "ci.fuzz.child"]
#: cases of one ISA before it is the next one's turn
BATCH = 100
#: these round at other places: what the others compute has the same bits
NOT_CANONICAL = ("baseline", "reference")


@dataclass
class Count:
    cases: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def environment(isa: str) -> dict[str, str]:
    paths = [str(ROOT / "tests" / "support"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "CYRNN_ISA": isa, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def command(seed: int, isa: str) -> str:
    return f"python -m ci.fuzz --case {seed} --isa {isa}"


def batch(first: int, count: int, isa: str, end: float) -> list[dict[str, Any]]:
    """Run cases from `first` on in a child, and in another one if that dies; return what each of them said."""
    found: list[dict[str, Any]] = []
    while len(found) < count and (time.monotonic() < end or not found):
        seed = first + len(found)
        process = subprocess.Popen(
            [sys.executable, *CHILD, str(seed), isa],
            cwd=ROOT,
            env=environment(isa),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        begun = None
        for line in process.stdout:
            said = json.loads(line)
            if "begins" in said:
                begun = said["begins"]
                if len(found) >= count or (found and time.monotonic() >= end):
                    break
            else:
                found.append(said)
        else:  # the pipe was closed at the other end
            said = process.stderr.read()[-2000:]
            process.communicate()
            if begun is None:
                raise SystemExit(f"no child starts, ISA {isa}: {said}")
            why = f"the child died, status {process.returncode}: {said}"
            found.append({"case": begun, "kind": "death", "failure": why, "refused": 0})
        process.kill()
        process.communicate()
    return found


def tell(count: Count, said: dict[str, Any], isa: str) -> None:
    """Enter the verdict on one case, and print a failure with what repeats it."""
    count.cases += 1
    count.refused += said["refused"]
    count.kinds[said["kind"]] += 1
    if "failure" in said:
        count.failures.append(command(said["case"], isa))
        print(f"\nFAILED: {command(said['case'], isa)}    ({said['kind']})\n  {said['failure']}", flush=True)
        for line in [*said.get("drawn", []), *said.get("traceback", "").splitlines()]:
            print(f"    {line}", flush=True)


def compare(count: Count, digests: dict[int, dict[str, str]]) -> int:
    """Print the cases whose results are not the same on all ISAs that promise it; return how many were compared."""
    compared = 0
    for seed, by_isa in digests.items():
        canonical = {isa: digest for isa, digest in by_isa.items() if isa not in NOT_CANONICAL}
        compared += len(canonical) > 1
        if len(set(canonical.values())) > 1:
            count.failures.append(command(seed, next(iter(canonical))))
            print(f"\nFAILED: case {seed} has other bits on {' and '.join(canonical)}: {canonical}", flush=True)
    return compared


def run(first: int, seconds: float, isas: list[str]) -> int:
    """Run batches, each on one ISA after the other, until the time is over."""
    count, start, compared = Count(), time.monotonic(), 0
    print(f"ISAs {' '.join(isas)}, cases from {first} on", flush=True)
    while time.monotonic() - start < seconds:
        digests: dict[int, dict[str, str]] = {}
        end = start + seconds
        for isa in isas:
            share = time.monotonic() + (end - time.monotonic()) / len(isas)  # a short run, too, meets each ISA
            for said in batch(first, BATCH, isa, min(end, share) if end - time.monotonic() < 60 else end):
                tell(count, said, isa)
                if "digest" in said:
                    digests.setdefault(said["case"], {})[isa] = said["digest"]
        compared += compare(count, digests)
        first += BATCH
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(count.kinds.items()))
    print(f"\n{count.cases} cases in {time.monotonic() - start:.0f} s: {kinds}")
    print(f"{count.refused} calls refused, {compared} cases compared between ISAs, {len(count.failures)} failures")
    for line in count.failures:
        print(f"  {line}")
    return 1 if count.failures else 0


def available() -> list[str]:
    code = "from cyrnn.kernels import dispatch; print(*dispatch.available())"
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT, env=environment("")
    ).stdout.split()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ci.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, help="the first case; drawn from the clock if not given")
    parser.add_argument("--isa", nargs="+", help="all of this CPU, and reference, if not given")
    parser.add_argument("--case", type=int, help="run this case alone")
    given = parser.parse_args()
    isas = given.isa or available()
    if given.case is not None:
        count = Count()
        digests: dict[int, dict[str, str]] = {given.case: {}}
        for isa in isas:
            (said,) = batch(given.case, 1, isa, 0)
            tell(count, said, isa)
            digests[given.case] |= {isa: said["digest"]} if "digest" in said else {}
            print(json.dumps(said, indent=1))
        compare(count, digests)
        return 1 if count.failures else 0
    return run(time.time_ns() // 10**6 % 10**9 * 1000 if given.seed is None else given.seed, given.seconds, isas)


if __name__ == "__main__":
    sys.exit(main())
