"""Time cyrnn beside plain NumPy, for docs/explanation/performance.md: `python ci/speed_up.py`, with cyrnn installed."""

from __future__ import annotations

import filecmp
import sys
from pathlib import Path

from bench import machine

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "performance.md"
BEGIN, END = "<!-- speed-up: begin -->", "<!-- speed-up: end -->"
#: for each row
SECONDS = 2.0


def main() -> None:
    core = machine.settle(None)  # before NumPy is loaded
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{PAGE} needs {BEGIN} and, below it, {END}: nothing was written")
    table = measured(machine.describe(core))
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8", newline="\n")
    print(table)


def measured(here: dict[str, object]) -> str:
    """The conditions and the table, in Markdown."""
    import cyrnn
    from cyrnn.demo import info, speed

    same_source(Path(cyrnn.__file__).parent)
    known = info.facts()
    lines = [
        "Microseconds a call, float64: the best of many interleaved turns, and their median in brackets.",
        f"{here['cpu']}, ISA {known['isa']}, one core, {known['threads']} thread; Python {known['python']}, "
        f"NumPy {known['numpy']}, BLAS {here['blas']}; cyrnn {known['cyrnn']}, commit {here['commit']}.",
        "",
        "| function | n_x, n_a, m, T_x, or shape | plain NumPy | cyrnn | speed-up |",
        "|---|---|---:|---:|---:|",
    ]
    for group in speed.jobs().values():
        for job in group:
            row = speed.measure(job, SECONDS)
            if row is None:
                sys.exit(f"{job.function} {speed.sizes(job)} differs from plain NumPy: nothing was written")
            plain, ours = (f"{t.best:.1f} ({t.median:.1f})" for t in (row.plain, row.cyrnn))
            lines.append(f"| `{row.function}` | {row.sizes} | {plain} | {ours} | {row.speed_up:.1f} |")
    return "\n".join(lines)


def same_source(installed: Path) -> None:
    """Refuse to put this checkout's commit over another's times: the Python, at least, must be the same."""
    source = ROOT / "src" / "cyrnn"
    names = [str(path.relative_to(source)) for path in source.rglob("*.py")]
    _, differ, missing = filecmp.cmpfiles(source, installed, names, shallow=False)
    if differ or missing:
        sys.exit(f"pip install . first: {installed} differs in {', '.join(differ + missing)}")


if __name__ == "__main__":
    main()
